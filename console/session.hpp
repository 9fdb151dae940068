// One connection to the admin API.
#pragma once
#include "console/core.hpp"
#include "console/message.hpp"
#include "console/same_site.hpp"
#include "net/task.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <memory>
#include <optional>
#include <string>

namespace sallyport {

using AdminSocket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

// Where a connection came in.
struct AdminEntry {
  enum class Kind { unix_socket, tcp };
  Kind kind = Kind::tcp;
  std::optional<Caller> caller;  // of the unix socket, where the peer may come in
  std::string refusal;           // else why it may not
  std::optional<Address> local, remote;
};

class AdminSession {
 public:
  AdminSession(AdminCore& core, AdminSocket socket, AdminEntry entry);
  ~AdminSession();
  // Until the client leaves or misbehaves, or close().
  Task<> run();
  // Of the same thread: every wait ends, and run() returns.
  void close();
  // A request of it said who asks.
  bool is_known() const { return known_; }

 private:
  struct Incoming;
  enum class Then { go_on, close };

  Task<std::optional<ApiResponse>> read_head(Incoming& incoming);
  Task<std::optional<ApiResponse>> read_rest(Incoming& incoming);
  Task<Then> answer(Incoming& incoming);
  Task<ApiResponse> work(const Route& route, ApiRequest request);
  Task<> stream_events(ApiRequest request);
  Task<Then> write(ApiResponse response, bool head_only, Then then);
  Task<Result<void>> write_text(const std::string& text);
  Task<> linger();

  std::optional<ApiResponse> check(Incoming& incoming);
  std::optional<ApiResponse> identify(ApiRequest& request);
  bool still_welcome(const ApiRequest& request) const;

  AdminCore& core_;
  AdminSocket socket_;
  AdminEntry entry_;
  bool known_ = false;
  EventHub::Reader* watching_ = nullptr;
  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace sallyport
