#include "approvals/notify/parent_tunnel.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <string_view>

namespace sallyport {
namespace {

constexpr std::size_t largest_head = 16 << 10;

// Three digits, or nothing where it is no HTTP.
std::string_view status_of(std::string_view head) {
  constexpr std::size_t before = std::string_view("HTTP/1.1 ").size();
  if (!head.starts_with("HTTP/1.") || head.size() < before + 3) return {};
  const std::string_view status = head.substr(before, 3);
  return status.find_first_not_of("0123456789") == std::string_view::npos ? status : std::string_view();
}

}  // namespace

Task<Outcome<void>> open_parent_tunnel(Socket& parent, std::string target, std::string credentials) {
  std::string head = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!credentials.empty()) head += "Proxy-Authorization: " + credentials + "\r\n";
  head += "\r\n";
  const auto out = asio::buffer(head);
  const auto [unsent, written] = co_await asio::async_write(parent, out, no_throw);
  if (unsent) co_return Complaint{"the parent proxy could not be asked: ", unsent.message()};
  std::string answer;
  // A byte at a time: what follows the head is the destination's.
  while (!answer.ends_with("\r\n\r\n")) {
    if (answer.size() == largest_head) co_return Complaint{"the parent proxy's answer is too long"};
    char byte = 0;
    const auto in = asio::buffer(&byte, 1);
    const auto [broken, size] = co_await parent.async_read_some(in, no_throw);
    if (broken) co_return Complaint{"the parent proxy broke off: ", broken.message()};
    answer.append(&byte, size);
  }
  const std::string_view status = status_of(answer);
  if (status.empty()) co_return Complaint{"the parent proxy's answer is no HTTP"};
  if (status[0] != '2') co_return Complaint{"the parent proxy answered ", status, " to CONNECT"};
  co_return Outcome<void>();
}

}  // namespace sallyport
