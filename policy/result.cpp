#include "policy/result.hpp"

#include <boost/throw_exception.hpp>

#include <stdexcept>

namespace sallyport {

void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where) {
  boost::throw_exception(std::runtime_error(complaint.text), where);
}

}  // namespace sallyport
