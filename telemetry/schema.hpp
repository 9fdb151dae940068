// The JSON Schema (draft 2020-12) of the lines we write: what `sallyport audit schema` prints.
#pragma once
#include <string_view>

namespace sallyport {

std::string_view audit_schema();

}  // namespace sallyport
