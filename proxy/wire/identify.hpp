// Which protocol the first bytes of a client belong to.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace sallyport::wire {

enum class FirstBytes { need_more, tls, http, h2_preface, ssh, socks4, socks5, other };

// The longest prefix that can still be undecided (a request line of an unknown method).
inline constexpr std::size_t identify_limit = 8 * 1024;

// Answers need_more until the answer can no longer change. `http` says that the client means HTTP/1, not that its
// request is well-formed: that is parse_request_head's to say. Words as mail and FTP clients speak them are `other`.
FirstBytes identify(std::span<const std::uint8_t> prefix);

}  // namespace sallyport::wire
