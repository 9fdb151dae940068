// The page's files, compiled into the binary.
#pragma once
#include <span>
#include <string_view>

namespace sallyport {

struct PageFile {
  std::string_view path, type, text;  // "/app.js"
};
std::span<const PageFile> page_files();

// OpenAPI 3.1, JSON.
std::string_view openapi_document();

}  // namespace sallyport
