// Sallyport's own name: what agents ask about themselves (DESIGN section 10). It is nowhere but here, so it is never
// looked up, dialled or held.
#pragma once
#include "policy/destination.hpp"

namespace sallyport {

inline bool is_internal_name(const Host& host) {
  return host.name() && host.name()->text() == "sallyport.internal";
}

// What is answered: plain HTTP on port 80.
inline bool is_internal_site(const Destination& to) {
  return to.port == 80 && is_internal_name(to.host);
}

}  // namespace sallyport
