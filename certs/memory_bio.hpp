// OpenSSL's way to read from and write to memory. Includes OpenSSL: for this room's .cpp files only.
#pragma once
#include <openssl/bio.h>

#include <memory>
#include <string>

namespace sallyport {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

inline Bio new_memory() {
  return Bio(BIO_new(BIO_s_mem()));
}

inline std::string text_in(const Bio& bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace sallyport
