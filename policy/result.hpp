// The one alias for "a value, or why there is none".
#pragma once
#include <boost/system/result.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace sallyport {

// A sentence for people: what is wrong and what to write instead. Made with braces only: were it constructible from a
// string, a result of a string could not tell its value from its error.
struct Complaint {
  Complaint() = default;
  Complaint(std::initializer_list<std::string_view> parts) {
    for (const auto part : parts) text += part;
  }
  std::string text;
};

[[noreturn]] void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where);

template <class T, class E = Complaint>
using Outcome = boost::system::result<T, E>;

}  // namespace sallyport
