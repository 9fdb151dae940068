// What sallyport.internal answers, as a value.
#pragma once
#include <boost/json/object.hpp>

#include <string>
#include <utility>
#include <vector>

namespace sallyport {

struct InternalAnswer {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;  // empty with 204
  std::vector<std::pair<std::string, std::string>> fields;
  std::string approval;  // id of the question it is about, for the record
  std::string detail;    // for the record
};

InternalAnswer internal_text(std::string text);
InternalAnswer internal_json(unsigned status, const boost::json::object& body);
// RFC 9457; `next` says in plain words what to do.
InternalAnswer internal_problem(unsigned status, std::string_view title, std::string_view detail,
                                std::string_view next);

enum class AfterAnswer { keep_open, close };
// The whole message. Nothing invites another site's script to read it: there are no CORS fields.
std::string http_message(const InternalAnswer& answer, std::string_view method, AfterAnswer after);

}  // namespace sallyport
