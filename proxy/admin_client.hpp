// A client of the daemon's admin API over its unix socket (DESIGN section 11): what the commands that talk to it share.
#pragma once
#include "policy/result.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sallyport {

// -c FILE and --socket PATH, as they were given.
struct AdminPlace {
  std::string config, socket;
};
void add_admin_place(CLI::App& command, AdminPlace& place);
// The socket's path: --socket, else listen.admin of -c FILE, else $SALLYPORT_SOCKET, else the default place.
Outcome<std::string> find_admin_socket(const AdminPlace& place);

// A connected socket that is closed with its owner. A failure says what to do next.
class AdminSocketHandle {
 public:
  static Outcome<AdminSocketHandle> connect(const std::string& path);
  AdminSocketHandle(AdminSocketHandle&& other) noexcept;
  AdminSocketHandle& operator=(AdminSocketHandle&& other) noexcept;
  ~AdminSocketHandle();

  int descriptor() const { return descriptor_; }
  Outcome<void> send(std::string_view text) const;

 private:
  explicit AdminSocketHandle(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

struct AdminReply {
  int status = 0;
  std::string body;

  bool good() const { return status >= 200 && status < 300; }
  boost::json::object object() const;  // empty where the body is none
  // What a problem+json says, fit for a terminal.
  std::string problem() const;
};

// One request, one connection. `through` is what the log says of it: "cli" or "watch".
class AdminClient {
 public:
  AdminClient(std::string socket, std::string through) : socket_(std::move(socket)), through_(std::move(through)) {}

  // An error is that no answer came at all.
  Outcome<AdminReply> get(const std::string& target) const;
  Outcome<AdminReply> post(const std::string& target, const boost::json::object& body) const;
  Outcome<AdminReply> remove(const std::string& target) const;
  // Every page of a list, in one: {"approvals": […]} has the name "approvals". An answer that is none is a complaint.
  Outcome<boost::json::array> list(const std::string& target, const char* name) const;
  // The connection of an event stream, its request already sent.
  Outcome<AdminSocketHandle> events() const;

  const std::string& socket() const { return socket_; }

 private:
  Outcome<AdminReply> ask(std::string_view method, const std::string& target, const std::string& body) const;
  std::string head(std::string_view method, const std::string& target) const;

  std::string socket_, through_;
};

// A value for a query string.
std::string percent_encoded(std::string_view text);
// Text of a JSON object's member; empty where there is none.
std::string text_in(const boost::json::object& object, std::string_view key);
std::uint64_t count_in(const boost::json::object& object, std::string_view key);

}  // namespace sallyport
