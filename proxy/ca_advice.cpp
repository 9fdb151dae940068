#include "proxy/ca_advice.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>

namespace sallyport {
namespace {

struct Entry {
  const char* name;
  CaFile file;
  const char* text;  // FILE stands for the path
};

// Where a program can add one CA to its own, it is given the CA alone; the others replace all they trust, so they need
// the bundle.
constexpr std::array entries{
    Entry{"apt", CaFile::bundle,
          "Write this line into /etc/apt/apt.conf.d/90sallyport:\n"
          "    Acquire::https::CAInfo FILE;\n"},
    Entry{"chromium", CaFile::authority,
          "Add it to the user's certificate store (certutil is in libnss3-tools), then start the browser again:\n"
          "    certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sallyport -i FILE\n"},
    Entry{"curl", CaFile::bundle,
          "In the environment:\n"
          "    export CURL_CA_BUNDLE=FILE\n"
          "or for one call: curl --cacert FILE https://…\n"},
    Entry{"debian", CaFile::authority,
          "For every program that uses the system's store, in a file whose name ends in .crt:\n"
          "    cp FILE /usr/local/share/ca-certificates/sallyport.crt && update-ca-certificates\n"},
    Entry{"git", CaFile::bundle,
          "For this user, or with GIT_SSL_CAINFO in the environment:\n"
          "    git config --global http.sslCAInfo FILE\n"},
    Entry{"go", CaFile::bundle,
          "In the environment:\n"
          "    export SSL_CERT_FILE=FILE\n"},
    Entry{"java", CaFile::authority,
          "Into the store of the Java installation (its password is changeit unless somebody changed it):\n"
          "    keytool -importcert -noprompt -cacerts -storepass changeit -alias sallyport -file FILE\n"},
    Entry{"node", CaFile::authority,
          "In the environment; it is added to what Node.js trusts:\n"
          "    export NODE_EXTRA_CA_CERTS=FILE\n"},
    Entry{"python", CaFile::bundle,
          "In the environment: the first for Python itself, the others for requests and pip:\n"
          "    export SSL_CERT_FILE=FILE REQUESTS_CA_BUNDLE=FILE PIP_CERT=FILE\n"},
    Entry{"rust", CaFile::bundle,
          "In the environment: the first for cargo, the other for programs that use the system's store:\n"
          "    export CARGO_HTTP_CAINFO=FILE SSL_CERT_FILE=FILE\n"},
};

constexpr std::array bundles{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                             "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

std::string quoted(const std::string& path) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@";
  if (!path.empty() && path.find_first_not_of(plain) == std::string::npos) return path;
  std::string result = "'";
  for (const char c : path) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string with_path(std::string_view text, const std::string& path) {
  constexpr std::string_view stands = "FILE";
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    // "SSL_CERT_FILE" holds the word too.
    const bool alone = text.substr(at, stands.size()) == stands && (at == 0 || text[at - 1] != '_');
    result += alone ? path : std::string(1, text[at]);
    at += alone ? stands.size() : 1;
  }
  return result;
}

}  // namespace

const std::vector<std::string>& ca_advice_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    made.reserve(entries.size());
    for (const Entry& entry : entries) made.emplace_back(entry.name);
    return made;
  }();
  return names;
}

std::optional<CaAdvice> ca_advice(std::string_view name, const std::string& path) {
  for (const Entry& entry : entries) {
    if (name != entry.name) continue;
    // apt.conf has its own quotes.
    const std::string word = name == "apt" ? '"' + path + '"' : quoted(path);
    return CaAdvice{entry.file, with_path(entry.text, word)};
  }
  return std::nullopt;
}

std::optional<std::string> system_bundle() {
  std::error_code error;
  const char* named = std::getenv("SSL_CERT_FILE");
  if (named != nullptr && std::filesystem::is_regular_file(named, error)) return named;
  for (const char* path : bundles) {
    if (std::filesystem::is_regular_file(path, error)) return path;
  }
  return std::nullopt;
}

}  // namespace sallyport
