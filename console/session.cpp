#include "console/session.hpp"

#include "console/page_files.hpp"
#include "console/response_head.hpp"
#include "net/within.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace sallyport {
namespace {

namespace http = boost::beast::http;

std::string text_of(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

const PageFile* page_file(std::string_view path) {
  const auto files = page_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

std::string through(std::string_view said) {
  for (const std::string_view known : {"console", "cli", "watch"}) {
    if (said == known) return std::string(known);
  }
  return "api";
}

// What to tell a client whose request could not be read; nullopt: it has gone, and nobody is there to be told.
std::optional<ApiResponse> told(error_code error) {
  if (error == asio::error::timed_out) return problem(408, "the request took too long to arrive");
  if (error == http::error::header_limit) return problem(431, "the request's head is too large");
  if (error == http::error::body_limit || error == http::error::buffer_overflow)
    return problem(413, "the request's body is larger than 64 KiB");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == make_error_code(http::error::bad_method).category())
    return problem(400, "the request is no well-formed HTTP/1.1");
  return std::nullopt;
}

}  // namespace

struct AdminSession::Buffer {
  explicit Buffer(std::size_t most) : bytes(most) {}
  boost::beast::flat_buffer bytes;
};

struct AdminSession::Incoming {
  http::request_parser<http::string_body> parser;
  ApiRequest request;
  const Route* route = nullptr;
  const PageFile* file = nullptr;
  bool head_only = false;

  std::string field(std::string_view name) const {
    return text_of(parser.get()[boost::beast::string_view(name.data(), name.size())]);
  }
};

AdminSession::AdminSession(AdminCore& core, AdminSocket socket, AdminEntry entry)
    : core_(core),
      socket_(std::move(socket)),
      entry_(std::move(entry)),
      known_(entry_.caller.has_value()),
      buffer_(std::make_unique<Buffer>(core.limits.head_bytes + core.limits.body_bytes)) {}

AdminSession::~AdminSession() = default;

void AdminSession::close() {
  error_code ignored;
  socket_.close(ignored);
  if (watching_) watching_->wake();
}

Task<> AdminSession::run() {
  Then then = Then::go_on;
  while (then == Then::go_on && socket_.is_open()) {
    Incoming incoming;
    auto failed = co_await read_head(incoming);
    if (!failed && !incoming.request.method.empty()) {
      failed = check(incoming);
      if (!failed) failed = co_await read_rest(incoming);
      if (!failed && incoming.request.method.empty()) co_return;
    } else if (!failed) {
      co_return;
    }
    if (failed) {
      const ApiResponse refusal = std::move(*failed);
      then = co_await write(refusal, incoming.head_only, Then::close);
    } else {
      then = co_await answer(incoming);
    }
  }
  if (socket_.is_open()) co_await linger();
}

// Leaves `method` empty where the client has gone.
Task<std::optional<ApiResponse>> AdminSession::read_head(Incoming& incoming) {
  const auto& limits = core_.limits;
  incoming.parser.header_limit(static_cast<std::uint32_t>(limits.head_bytes));
  incoming.parser.body_limit(limits.body_bytes);
  if (buffer_->bytes.size() == 0) {
    auto wait = [this]() -> Task<Result<void>> {
      const auto [error] = co_await socket_.async_wait(AdminSocket::wait_read, no_throw);
      if (error) co_return error;
      co_return Result<void>();
    };
    auto readable = wait();
    const auto ready = co_await within(limits.idle, std::move(readable));
    if (!ready) co_return std::nullopt;
  }
  auto read = [this, &incoming]() -> Task<Result<void>> {
    const auto [error, size] = co_await http::async_read_header(socket_, buffer_->bytes, incoming.parser, no_throw);
    if (error) co_return error;
    co_return Result<void>();
  };
  auto reading = read();
  const auto done = co_await within(limits.head, std::move(reading));
  if (!done) co_return told(done.error());
  const auto& head = incoming.parser.get();
  incoming.request.method = text_of(head.method_string());
  co_return std::nullopt;
}

Task<std::optional<ApiResponse>> AdminSession::read_rest(Incoming& incoming) {
  auto read = [this, &incoming]() -> Task<Result<void>> {
    const auto [error, size] = co_await http::async_read(socket_, buffer_->bytes, incoming.parser, no_throw);
    if (error) co_return error;
    co_return Result<void>();
  };
  auto reading = read();
  const auto done = co_await within(core_.limits.body, std::move(reading));
  if (!done) {
    incoming.request.method.clear();
    co_return told(done.error());
  }
  incoming.request.body = std::move(incoming.parser.get().body());
  co_return std::nullopt;
}

// Everything that can be refused by the head alone, before a byte of the body is waited for.
std::optional<ApiResponse> AdminSession::check(Incoming& incoming) {
  ApiRequest& request = incoming.request;
  if (!entry_.refusal.empty()) return problem(403, entry_.refusal);
  auto target = parse_request_target(text_of(incoming.parser.get().target()));
  if (!target) return problem(400, "the request's target cannot be understood");
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  incoming.head_only = request.method == "HEAD";
  if (incoming.head_only) request.method = "GET";
  incoming.file = request.method == "GET" ? page_file(request.path) : nullptr;

  if (incoming.parser.get().count(http::field::host) != 1) return problem(400, "exactly one Host header is needed");
  if (entry_.kind == AdminEntry::Kind::tcp) {
    Provenance from{incoming.field("Host"),           {},
                    incoming.field("Sec-Fetch-Site"), incoming.field("Sec-Fetch-Mode"),
                    incoming.field("Sec-Fetch-Dest"), incoming.file != nullptr};
    if (incoming.parser.get().count(http::field::origin) > 0) from.origin = incoming.field("Origin");
    const auto foreign = check_provenance(from, entry_.local, core_.host_names);
    if (foreign) return problem(foreign->starts_with("the Host") ? 421 : 403, *foreign);
  }
  request.type = incoming.field("Content-Type");
  request.credentials = incoming.field("Authorization");
  request.last_event = incoming.field("Last-Event-ID");
  request.caller.through = through(incoming.field("X-Sallyport-Through"));

  if (incoming.file) return std::nullopt;
  auto found = find_route(request.method, request.path);
  // Strangers learn of no path but those that are open.
  if (found.route && found.route->needs == Needs::nothing) {
    incoming.route = found.route;
    return std::nullopt;
  }
  if (auto unknown = identify(request)) return unknown;
  if (!found.route) {
    if (found.others.empty())
      return problem(404, "there is nothing of this path", "GET /v1/openapi.json lists the paths");
    ApiResponse response = problem(405, "this path does not have this method");
    response.fields.emplace_back("Allow", found.others);
    return response;
  }
  if (incoming.head_only && !found.route->answer) return problem(405, "a stream of events has no head alone");
  const bool may = found.route->needs == Needs::viewer ||
                   (found.route->needs == Needs::approver && request.caller.role >= Role::approver) ||
                   request.caller.role >= Role::admin;
  if (!may) return problem(403, "the role " + std::string(word_of(request.caller.role)) + " may not do this");
  request.id = std::move(found.id);
  incoming.route = found.route;
  return std::nullopt;
}

// Who calls, or 401; and 429 past the caller's rate.
std::optional<ApiResponse> AdminSession::identify(ApiRequest& request) {
  const auto now = Clock::now();
  const std::string said = request.caller.through;
  if (entry_.caller) {
    request.caller = *entry_.caller;
  } else {
    constexpr std::string_view scheme = "Bearer ";
    const bool bearer = request.credentials.starts_with(scheme);
    const auto token = bearer ? core_.tokens->find(std::string_view(request.credentials).substr(scheme.size()))
                              : std::optional<TokenInfo>();
    if (!token) {
      if (!core_.rates.take("", now)) return problem(429, "too many requests without a valid token");
      return problem(401, request.credentials.empty() ? "a bearer token is needed" : "this token is not known",
                     "the first one is in admin.token in the data directory");
    }
    request.caller.name = token->name;
    request.caller.role = token->role;
    request.caller.source = entry_.remote;
  }
  known_ = true;
  request.caller.through = said;
  const char* door = entry_.kind == AdminEntry::Kind::tcp ? "tcp " : "unix ";
  if (!core_.rates.take(door + request.caller.name, now)) return problem(429, "too many requests");
  return std::nullopt;
}

bool AdminSession::still_welcome(const ApiRequest& request) const {
  if (entry_.caller) return true;
  const auto token = core_.tokens->find(std::string_view(request.credentials).substr(7));
  return token && token->name == request.caller.name && token->role == request.caller.role;
}

Task<AdminSession::Then> AdminSession::answer(Incoming& incoming) {
  const Then then = incoming.parser.get().keep_alive() ? Then::go_on : Then::close;
  if (incoming.file) {
    const ApiResponse page{200, std::string(incoming.file->type), std::string(incoming.file->text), {}};
    const Then after = co_await write(page, incoming.head_only, then);
    co_return after;
  }
  if (!incoming.route->answer) {
    co_await stream_events(std::move(incoming.request));
    co_return Then::close;
  }
  const ApiResponse response = co_await work(*incoming.route, std::move(incoming.request));
  const Then after = co_await write(response, incoming.head_only, then);
  co_return after;
}

// Answers may wait for a disk; the sockets' thread does not.
Task<ApiResponse> AdminSession::work(const Route& route, ApiRequest request) {
  struct Answered {
    explicit Answered(asio::io_context& context) : arrived(context, Timer::time_point::max()) {}
    Timer arrived;
    std::optional<ApiResponse> response;
  };
  auto answered = std::make_shared<Answered>(core_.context);
  auto job = [&core = core_, &route, request = std::move(request), answered] {
    ApiResponse response;
    try {
      response = route.answer(core.desk, request);
    } catch (const std::exception& failure) {
      // Whatever an answer meets, the server goes on; what it was is the operator's to know.
      spdlog::error("admin API: {} {}: {}", request.method, request.path, failure.what());
      response = problem(500, "the answer could not be made; the operational log says why");
    }
    asio::post(core.context, [answered, response = std::move(response)]() mutable {
      answered->response = std::move(response);
      answered->arrived.cancel();
    });
  };
  asio::post(route.pace == Pace::slow ? core_.slow : core_.quick, std::move(job));
  while (!answered->response) {
    const auto [error] = co_await answered->arrived.async_wait(no_throw);
    static_cast<void>(error);  // the timer never fires: it was cancelled because the answer is there
  }
  co_return std::move(*answered->response);
}

Task<> AdminSession::stream_events(ApiRequest request) {
  using namespace asio::experimental::awaitable_operators;
  EventHub::Reader reader(core_.hub, request.last_event);
  watching_ = &reader;
  Approvals::Attendance attendance;
  if (request.caller.role >= Role::approver) attendance = core_.desk.backend.approvals.attend();
  std::string text = event_stream_head();
  while (socket_.is_open() && still_welcome(request)) {
    auto writing = write_text(text);
    const auto wrote = co_await within(core_.limits.write, std::move(writing));
    if (!wrote) break;
    const auto wait =
        co_await (reader.wait(core_.limits.heartbeat) || socket_.async_wait(AdminSocket::wait_read, no_throw));
    // A watcher says nothing: what there is to read is its end.
    if (wait.index() == 1) break;
    auto next = reader.take();
    if (!next) break;
    text = next->empty() ? ": still here\n\n" : std::move(*next);
  }
  watching_ = nullptr;
}

Task<AdminSession::Then> AdminSession::write(ApiResponse response, bool head_only, Then then) {
  std::string text = response_head(response, then == Then::close);
  if (!head_only) text += response.body;
  auto writing = write_text(text);
  const auto wrote = co_await within(core_.limits.write, std::move(writing));
  co_return wrote ? then : Then::close;
}

Task<Result<void>> AdminSession::write_text(const std::string& text) {
  const auto bytes = asio::buffer(text);
  const auto [error, size] = co_await asio::async_write(socket_, bytes, no_throw);
  if (error) co_return error;
  co_return Result<void>();
}

// Lets the client read the answer before what it still sends makes the kernel reset the connection.
Task<> AdminSession::linger() {
  constexpr std::size_t most = 256U << 10U;
  error_code ignored;
  socket_.shutdown(AdminSocket::shutdown_send, ignored);
  auto drain = [this]() -> Task<Result<void>> {
    std::string rest(4096, '\0');
    const auto bytes = asio::buffer(rest);
    for (std::size_t total = 0; total < most;) {
      const auto [error, size] = co_await socket_.async_read_some(bytes, no_throw);
      if (error) break;
      total += size;
    }
    co_return Result<void>();
  };
  auto draining = drain();
  const auto drained = co_await within(std::chrono::seconds(1), std::move(draining));
  static_cast<void>(drained);
}

}  // namespace sallyport
