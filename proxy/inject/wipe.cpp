#include "proxy/inject/wipe.hpp"

#include <cstring>

namespace sallyport {

void wipe(std::string& text) {
  // The whole buffer, of which the text may have been longer before.
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace sallyport
