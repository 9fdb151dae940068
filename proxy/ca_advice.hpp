// How programs are told to trust a CA, in words.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// What a program wants: the CA beside those it knows already, or one file with everybody it is to trust.
enum class CaFile { authority, bundle };

struct CaAdvice {
  CaFile file = CaFile::bundle;
  std::string text;  // several lines, each ended
};

// The programs that can be asked about.
const std::vector<std::string>& ca_advice_names();
// With `path` as the file, quoted for a shell; nullopt for other names.
std::optional<CaAdvice> ca_advice(std::string_view name, const std::string& path);

// One file with the CAs that this system trusts, where there is one: $SSL_CERT_FILE, else where distributions keep it.
std::optional<std::string> system_bundle();

}  // namespace sallyport
