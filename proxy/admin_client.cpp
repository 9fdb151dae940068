#include "proxy/admin_client.hpp"

#include "proxy/config.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <grp.h>
#include <pwd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace sallyport {
namespace {

constexpr std::size_t longest_answer = 256U << 20U;
constexpr int most_pages = 10'000;
constexpr timeval patience{.tv_sec = 30, .tv_usec = 0};

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::string who_may(const std::string& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) != 0) return "as root, or as the daemon's user";
  const passwd* owner = ::getpwuid(there.st_uid);
  const group* members = ::getgrgid(there.st_gid);
  return "as root, as " + (owner ? std::string(owner->pw_name) : std::to_string(there.st_uid)) +
         ", or as a member of " + (members ? std::string(members->gr_name) : std::to_string(there.st_gid));
}

Complaint cannot_connect(const std::string& path, int error) {
  const std::string name = in_quotes(path);
  if (error == EACCES || error == EPERM) return Complaint{"you may not use ", name, ": try again ", who_may(path)};
  if (error == ENOENT || error == ECONNREFUSED) {
    return Complaint{"no daemon answers at ", name,
                     ": start it with `sallyport serve`, or say where it is with -c FILE or --socket PATH"};
  }
  return Complaint{"cannot connect to ", name, ": ", reason(error)};
}

Complaint no_answer(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK)
    return Complaint{"the daemon took too long to answer: is it overloaded?"};
  return Complaint{"the daemon closed the connection: ", error == 0 ? "did it stop?" : reason(error)};
}

Outcome<std::string> read_to_end(int descriptor) {
  std::string text;
  std::string buffer(64U << 10U, '\0');
  for (;;) {
    const ssize_t size = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return no_answer(errno);
    if (size == 0) return text;
    text.append(buffer, 0, static_cast<std::size_t>(size));
    if (text.size() > longest_answer) return Complaint{"the daemon's answer is too long"};
  }
}

// The daemon's own answers, each ended by the end of its connection.
Outcome<AdminReply> parse_reply(const std::string& text) {
  constexpr std::string_view version = "HTTP/1.1 ";
  const auto end = text.find("\r\n\r\n");
  AdminReply reply;
  if (text.compare(0, version.size(), version) != 0 || end == std::string::npos) return no_answer(0);
  const char* digits = text.data() + version.size();
  const auto [rest, error] = std::from_chars(digits, text.data() + end, reply.status);
  if (error != std::errc{} || reply.status < 100 || reply.status > 599) return no_answer(0);
  reply.body = text.substr(end + 4);
  const auto length = text.find("\r\nContent-Length: ");
  if (length < end) {
    std::size_t expected = 0;
    const char* first = text.data() + length + std::string_view("\r\nContent-Length: ").size();
    const auto read = std::from_chars(first, text.data() + end, expected);
    if (read.ec != std::errc{} || expected != reply.body.size()) return no_answer(0);
  }
  return reply;
}

}  // namespace

void add_admin_place(CLI::App& command, AdminPlace& place) {
  auto* config = command.add_option("-c,--config", place.config, "sallyport.yaml of the daemon");
  command.add_option("--socket", place.socket, "the daemon's admin socket; else $SALLYPORT_SOCKET, or the usual place")
      ->excludes(config);
}

Outcome<std::string> find_admin_socket(const AdminPlace& place) {
  if (!place.socket.empty()) return place.socket;
  if (!place.config.empty()) {
    const auto config = load_config(place.config);
    if (!config) return config.error().front();
    if (config->admin_socket.empty()) return Complaint{place.config, " has no listen.admin: name one with unix:/PATH"};
    return config->admin_socket;
  }
  const char* named = std::getenv("SALLYPORT_SOCKET");
  if (named && *named) return std::string(named);
  return Config::embedded().admin_socket;
}

Outcome<AdminSocketHandle> AdminSocketHandle::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Complaint{in_quotes(path), " is too long for a socket's path"};
  std::copy(path.begin(), path.end(), address.sun_path);
  AdminSocketHandle handle(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (handle.descriptor_ < 0) return Complaint{"cannot make a socket: ", reason(errno)};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(handle.descriptor_, SOL_SOCKET, option, &patience, sizeof patience) != 0) return no_answer(errno);
  }
  if (::connect(handle.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return cannot_connect(path, errno);
  return handle;
}

AdminSocketHandle::AdminSocketHandle(AdminSocketHandle&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

AdminSocketHandle& AdminSocketHandle::operator=(AdminSocketHandle&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AdminSocketHandle::~AdminSocketHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Outcome<void> AdminSocketHandle::send(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t size = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    // It may have refused before it read: then its answer says why.
    if (size < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (size < 0) return no_answer(errno);
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

boost::json::object AdminReply::object() const {
  boost::system::error_code error;
  auto value = boost::json::parse(body, error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

std::string AdminReply::problem() const {
  const auto said = object();
  std::string text = text_in(said, "detail");
  if (text.empty()) text = "the daemon answered with status " + std::to_string(status);
  const std::string next = text_in(said, "next");
  return fit_for_terminal(next.empty() ? text : text + ": " + next);
}

std::string AdminClient::head(std::string_view method, const std::string& target) const {
  std::string text(method);
  return text + ' ' + target + " HTTP/1.1\r\nHost: sallyport\r\nX-Sallyport-Through: " + through_ + "\r\n";
}

Outcome<AdminReply> AdminClient::ask(std::string_view method, const std::string& target,
                                     const std::string& body) const {
  const auto connected = AdminSocketHandle::connect(socket_);
  if (!connected) return connected.error();
  std::string request = head(method, target) + "Connection: close\r\n";
  if (!body.empty()) {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  const auto sent = connected->send(request + "\r\n" + body);
  if (!sent) return sent.error();
  const auto text = read_to_end(connected->descriptor());
  if (!text) return text.error();
  return parse_reply(*text);
}

Outcome<AdminReply> AdminClient::get(const std::string& target) const {
  return ask("GET", target, {});
}

Outcome<AdminReply> AdminClient::post(const std::string& target, const boost::json::object& body) const {
  return ask("POST", target, boost::json::serialize(body));
}

Outcome<AdminReply> AdminClient::remove(const std::string& target) const {
  return ask("DELETE", target, {});
}

Outcome<boost::json::array> AdminClient::list(const std::string& target, const char* name) const {
  boost::json::array all;
  std::string cursor;
  for (int page = 0; page < most_pages; ++page) {
    const char join = target.find('?') == std::string::npos ? '?' : '&';
    const auto reply = get(target + join + "limit=1000" + (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
    if (!reply) return reply.error();
    if (!reply->good()) return Complaint{reply->problem()};
    auto body = reply->object();
    auto* some = body.if_contains(name);
    if (!some || !some->is_array()) return Complaint{"the daemon's answer cannot be read: is it of another version?"};
    for (auto& each : some->get_array()) all.push_back(std::move(each));
    cursor = text_in(body, "next");
    if (cursor.empty()) return all;
  }
  return all;
}

Outcome<AdminSocketHandle> AdminClient::events() const {
  auto connected = AdminSocketHandle::connect(socket_);
  if (!connected) return connected.error();
  const auto sent = connected->send(head("GET", "/v1/events") + "Accept: text/event-stream\r\n\r\n");
  if (!sent) return sent.error();
  return connected;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return out;
}

std::string text_in(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  if (!value || !value->is_string()) return {};
  return std::string(value->get_string().data(), value->get_string().size());
}

std::uint64_t count_in(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(boost::json::string_view(key.data(), key.size()));
  if (!value) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

}  // namespace sallyport
