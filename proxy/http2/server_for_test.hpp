// A server with a raw client, and the requests it handed out.
#pragma once
#include "proxy/http2/raw_peer_for_test.hpp"
#include "proxy/http2/server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace sallyport::testing {

struct ServerTest : ::testing::Test {
  // Wide, so that a test may say or read a whole message at once.
  static Http2Options wide() {
    Http2Options options;
    options.stream_capacity = 64 << 10;
    return options;
  }
  explicit ServerTest(Http2Options its_options = wide()) : options(std::move(its_options)) {
    auto [near, far] = MemoryStream::make_pair(context.get_executor(), 8 << 20);
    client = std::make_unique<RawPeer>(std::move(near));
    transport = std::move(far);
    Http2ServerEvents events;
    events.on_request = [this](std::unique_ptr<MemoryStream> stream) { requests.push_back(std::move(stream)); };
    events.on_malformed = [this](std::string_view why) { malformed.emplace_back(why); };
    server = std::make_unique<Http2Server>(context.get_executor(), *transport, options, std::move(events));
    asio::co_spawn(context, server->run(),
                   asio::bind_cancellation_slot(cancel.slot(), [this](const std::exception_ptr& thrown) {
                     EXPECT_EQ(thrown, nullptr);
                     ended = true;
                   }));
    client->client_preface();
  }
  ~ServerTest() override {
    cancel.emit(asio::cancellation_type::terminal);
    run();
    EXPECT_TRUE(ended);
  }

  // Until nothing more happens by itself.
  void run() {
    for (int i = 0; i < 3; ++i) {
      context.restart();
      context.poll();
      if (client) client->read();
    }
  }

  static wire::Fields get(std::string path = "/", std::string method = "GET") {
    return {{":method", method}, {":scheme", "https"}, {":authority", "a.test"}, {":path", path}};
  }
  static wire::Fields get(wire::Fields more) {
    wire::Fields fields = get();
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  // What a request's stream has to read; takes it.
  std::string read(std::size_t request) {
    std::string text = text_of(requests.at(request)->readable());
    requests[request]->consume(text.size());
    return text;
  }
  void answer(std::size_t request, std::string_view text) {
    const auto bytes = bytes_of(text);
    EXPECT_EQ(requests.at(request)->write_now(bytes), bytes.size());
    run();
  }
  // A request whose stream is opened and answered by nobody yet.
  std::size_t begin(std::uint32_t id, const wire::Fields& fields, int flags = end_stream) {
    client->headers(id, fields, flags);
    run();
    EXPECT_FALSE(requests.empty());
    return requests.size() - 1;
  }
  std::string field(std::uint32_t id, std::string_view name) {
    const Frame* frame = client->find(NGHTTP2_HEADERS, id);
    const auto* found = frame ? wire::find_field(frame->fields, name) : nullptr;
    return found ? found->value : "(none)";
  }

  asio::io_context context;
  asio::cancellation_signal cancel;
  Http2Options options;
  std::unique_ptr<RawPeer> client;
  std::unique_ptr<MemoryStream> transport;
  std::unique_ptr<Http2Server> server;
  std::vector<std::unique_ptr<MemoryStream>> requests;
  std::vector<std::string> malformed;
  bool ended = false;
};

}  // namespace sallyport::testing
