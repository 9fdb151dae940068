// The one alias for "a value, or why there is none".
#pragma once
#include <boost/system/result.hpp>

#include <string>

namespace sallyport {

// A sentence for people: what is wrong and what to write instead.
struct Complaint {
  std::string text;
};

[[noreturn]] void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where);

template <class T, class E = Complaint>
using Outcome = boost::system::result<T, E>;

}  // namespace sallyport
