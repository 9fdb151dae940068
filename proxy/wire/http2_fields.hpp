// What RFC 9113, 8.2 and 8.3, asks of any field block.
#pragma once
#include "proxy/wire/http2_translate.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::wire {

// A block whose names and values are well-formed, in its two parts. No pseudo-header is there twice; whether they are
// the right ones is for the direction to say.
struct Block {
  Fields pseudo;
  Fields fields;
};
Translated<Block> split_block(const Fields& block);

// Lower-case name of a field that HTTP/2 doesn't have. TE is not among them: it may say "trailers".
bool is_connection_specific(std::string_view name);

// Nothing where there is none. One field, one number, one spelling.
Translated<std::optional<std::uint64_t>> read_content_length(const Fields& fields);

}  // namespace sallyport::wire
