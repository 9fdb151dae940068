// A server with its store and log in a folder of its own, and a client that says exactly what it is told to.
#pragma once
#include "console/server.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace sallyport::console_test {

struct Reply {
  int status = 0;  // 0: the connection ended without an answer
  std::string head, body;
  boost::json::value json() const {
    boost::system::error_code error;
    return boost::json::parse(body, error);
  }
  bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

inline std::string word(const boost::json::value& value) {
  return std::string(value.as_string());
}

// A blocking socket that gives up after five seconds.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    join(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    join(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(socket_); }

  void send(std::string_view text) const { ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL); }

  // Reads until `text` holds `end`, or the connection does.
  bool read_until(std::string_view end) {
    while (text_.find(end) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  const std::string& text() const { return text_; }
  bool ended() {
    while (read_some()) continue;
    return ended_;
  }

  Reply reply() {
    Reply reply;
    if (!read_until("\r\n\r\n")) return reply;
    const auto end = text_.find("\r\n\r\n") + 4;
    reply.head = text_.substr(0, end);
    text_.erase(0, end);
    reply.status = std::stoi(reply.head.substr(9, 3));
    constexpr std::string_view name = "Content-Length: ";
    const auto at = reply.head.find(name);
    const std::size_t size = at == std::string::npos ? 0 : std::stoul(reply.head.substr(at + name.size()));
    while (text_.size() < size && read_some()) continue;
    reply.body = text_.substr(0, size);
    text_.erase(0, reply.body.size());
    return reply;
  }

 private:
  void join(const sockaddr* address, socklen_t size) const {
    const timeval limit{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    // A refusal shows at the first read.
    static_cast<void>(::connect(socket_, address, size));
  }
  bool read_some() {
    std::array<char, 16384> buffer{};
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
    ended_ = size == 0 || (size < 0 && errno == ECONNRESET);
    if (size <= 0) return false;
    text_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }

  int socket_;
  std::string text_;
  bool ended_ = false;
};

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sallyport-console-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    AuditOptions audit;
    audit.path = folder_ + "/audit.jsonl";
    audit_ = *AuditLog::open(audit);
    approvals_ = std::make_unique<Approvals>(":memory:", ApprovalLimits{}, *audit_);
    std::ofstream(folder_ + "/policy.yaml") << "version: 1\nrules:\n  - allow: example.com\n  - deny: evil.test\n";
    policy_ = *Policy::load(folder_ + "/policy.yaml");
  }
  ~ConsoleTest() override {
    server_.reset();
    approvals_.reset();
    audit_.reset();
    std::filesystem::remove_all(folder_);
  }

  Backend backend() {
    Backend backend{*approvals_, *audit_, ApprovalLimits{}, [this] { return policy_; }, folder_ + "/policy.yaml"};
    backend.status = [this] { return status_; };
    return backend;
  }

  void start() { start(backend()); }
  void start(Backend backend) {
    AdminListenOptions listen;
    listen.socket = folder_ + "/admin.sock";
    listen.tcp.push_back({});
    auto listeners = AdminListeners::open(listen);
    ASSERT_TRUE(listeners) << listeners.error().text;
    AdminOptions options;
    options.data = folder_;
    options.limits = limits_;
    auto server = AdminServer::begin(std::move(*listeners), std::move(backend), options);
    ASSERT_TRUE(server) << server.error().text;
    server_ = std::move(*server);
  }

  std::uint16_t port() const { return server_->tcp().front().port; }
  std::string socket() const { return folder_ + "/admin.sock"; }
  std::string token() const {
    std::ifstream file(folder_ + "/admin.token");
    std::string text;
    file >> text;
    return text;
  }
  std::string host() const { return "Host: 127.0.0.1:" + std::to_string(port()) + "\r\n"; }
  std::string bearer() const { return "Authorization: Bearer " + token() + "\r\n"; }

  // A request over TCP with the first token and these further fields.
  Reply ask(const std::string& method, const std::string& target, const std::string& body = {},
            const std::string& fields = {}) {
    return say(method + ' ' + target + " HTTP/1.1\r\n" + host() + bearer() + fields + with(body));
  }
  Reply say(const std::string& text) {
    Client client(port());
    client.send(text);
    return client.reply();
  }
  static std::string with(const std::string& body) {
    if (body.empty()) return "\r\n";
    return "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  std::string pend(const std::string& host, const std::string& agent = "builder") {
    const Question question{agent, Destination{*Host::parse(host), 443}, "", "", ""};
    Circumstances circumstances;
    circumstances.protocol = "tls";
    return *approvals_->ask(question, circumstances);
  }

  std::string folder_;
  AdminLimits limits_;
  DaemonStatus status_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Approvals> approvals_;
  std::shared_ptr<const Policy> policy_;
  std::unique_ptr<AdminServer> server_;
};

}  // namespace sallyport::console_test
