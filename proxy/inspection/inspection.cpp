#include "proxy/inspection/inspection.hpp"

#include "certs/leaf_cache.hpp"
#include "proxy/inspection/tls_context.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <stdexcept>

namespace sallyport {

struct Inspection::Impl {
  Impl(std::shared_ptr<const Authority> ca, TlsContext to_clients, TlsContext to_servers)
      : authority(std::move(ca)), leaves(authority), clients(std::move(to_clients)), servers(std::move(to_servers)) {}
  std::shared_ptr<const Authority> authority;
  mutable LeafCache leaves;
  TlsContext clients, servers;
};

namespace {

TlsTrouble ours(std::string what) {
  return {TlsTrouble::Kind::ours, std::move(what)};
}

// A second ClientHello, after a HelloRetryRequest, may say another name than the one that was judged.
bool asks_for(const std::string& server_name, const Host& host) {
  if (server_name.empty()) return true;
  const auto name = HostName::parse(server_name);
  return name && host.name() && *host.name() == *name;
}

Task<Secured> shake_hands(std::unique_ptr<TlsStream> stream, Clock::duration limit) {
  using namespace asio::experimental::awaitable_operators;
  Timer timer(co_await asio::this_coro::executor, limit);
  auto first = co_await (stream->handshake() || timer.async_wait(no_throw));
  if (first.index() == 1) co_return TlsTrouble{TlsTrouble::Kind::timeout, "the handshake took too long"};
  auto trouble = std::get<0>(std::move(first));
  if (trouble) co_return std::move(*trouble);
  co_return std::move(stream);
}

}  // namespace

void throw_exception_from_error(const TlsTrouble& trouble, const boost::source_location&) {
  throw std::runtime_error(trouble.sentence);
}

Inspection::Inspection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Inspection::~Inspection() = default;

Outcome<std::unique_ptr<const Inspection>> Inspection::open(std::shared_ptr<const Authority> authority,
                                                            const std::vector<std::string>& root_files) {
  auto clients = context_for_clients();
  if (!clients) return clients.error();
  auto servers = context_for_servers(root_files);
  if (!servers) return servers.error();
  auto impl = std::make_unique<Impl>(std::move(authority), std::move(*clients), std::move(*servers));
  return std::unique_ptr<const Inspection>(new Inspection(std::move(impl)));
}

const Authority& Inspection::authority() const {
  return *impl_->authority;
}

Task<Secured> Inspection::accept(Connection client, Host host, Protocols protocols, Clock::duration limit) const {
  const auto leaf = impl_->leaves.get(host);
  if (!leaf) co_return ours(leaf.error().text);
  Ssl ssl = server_end(impl_->clients, protocols);
  if (!ssl || !use_leaf(ssl.get(), **leaf)) co_return ours("TLS with the client can't begin: " + last_openssl_error());
  auto stream = std::make_unique<TlsStream>(std::move(ssl), std::move(client));
  auto secured = co_await shake_hands(std::move(stream), limit);
  if (secured && !asks_for((*secured)->server_name(), host))
    co_return TlsTrouble{TlsTrouble::Kind::protocol, "the client asked for another name in its second ClientHello"};
  co_return secured;
}

Task<Secured> Inspection::connect(Connection upstream, Host host, Protocols protocols, Clock::duration limit) const {
  Ssl ssl = client_end(impl_->servers, host, protocols);
  if (!ssl) co_return ours("TLS with the destination can't begin: " + last_openssl_error());
  auto stream = std::make_unique<TlsStream>(std::move(ssl), std::move(upstream));
  auto secured = co_await shake_hands(std::move(stream), limit);
  co_return secured;
}

}  // namespace sallyport
