#include "proxy/otlp_transport.hpp"

#include "approvals/notify/endpoint.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <map>

namespace sallyport {
namespace {

constexpr auto limit = std::chrono::seconds(10);

dns::ResolverOptions resolver_options(std::vector<std::string> upstream) {
  dns::ResolverOptions options;
  if (!upstream.empty()) options.upstream = std::move(upstream);
  return options;
}

EndpointOptions below(EndpointOptions options, const std::string& path) {
  options.url.target += path;
  return options;
}

class OverHttp : public OtlpTransport {
 public:
  OverHttp(const EndpointOptions& collector, std::vector<std::string> upstream)
      : resolver_(context_, resolver_options(std::move(upstream))),
        logs_(resolver_, below(collector, "/v1/logs")),
        metrics_(resolver_, below(collector, "/v1/metrics")) {}

  // Runs the context only as long as the post takes: between two of them nothing is under way.
  Outcome<OtlpReply> post(const std::string& path, const std::string& body) override {
    if (interrupted_) return Complaint{"stopping"};
    Endpoint& endpoint = path == "/v1/logs" ? logs_ : metrics_;
    Outcome<Endpoint::Reply> reply = Complaint{"the request could not be made"};
    asio::co_spawn(context_, endpoint.post({}, body, limit),
                   asio::bind_cancellation_slot(signal_.slot(),
                                                [&](const std::exception_ptr& failure, Outcome<Endpoint::Reply> got) {
                                                  if (!failure) reply = std::move(got);
                                                  context_.stop();
                                                }));
    context_.restart();
    context_.run();
    if (!reply) return reply.error();
    return OtlpReply{reply->status, std::move(reply->body), reply->retry_after};
  }

  void interrupt() override {
    interrupted_ = true;
    asio::post(context_, [this] { signal_.emit(asio::cancellation_type::all); });
  }

 private:
  std::atomic<bool> interrupted_{false};
  asio::io_context context_{1};
  asio::cancellation_signal signal_;
  dns::Resolver resolver_;
  Endpoint logs_, metrics_;
};

}  // namespace

Outcome<WebUrl> parse_otlp_endpoint(std::string_view text) {
  const bool tls = text.starts_with("https://");
  const Complaint expected{"expected http://HOST:PORT or https://HOST:PORT such as http://127.0.0.1:4318"};
  if (!tls && !text.starts_with("http://")) return expected;
  text.remove_prefix(tls ? 8 : 7);
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f' && c != '?' && c != '#'; };
  if (!std::all_of(text.begin(), text.end(), is_plain)) return expected;
  const auto end = std::min(text.find('/'), text.size());
  auto at = parse_authority(text.substr(0, end), tls ? 443 : 80);
  if (!at) return at.error();
  std::string base(text.substr(end));
  while (base.ends_with('/')) base.pop_back();
  if (base.ends_with("/v1/logs")) return Complaint{"write it without /v1/logs, which is added to it"};
  return WebUrl{tls, std::move(*at), std::move(base)};
}

std::unique_ptr<OtlpTransport> otlp_over_http(const EndpointOptions& collector, std::vector<std::string> upstream) {
  return std::make_unique<OverHttp>(collector, std::move(upstream));
}

}  // namespace sallyport
