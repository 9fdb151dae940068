#include "proxy/inspected_session.hpp"

#include "proxy/inspected_http2.hpp"
#include "proxy/inspection/inspection.hpp"
#include "proxy/tls_refusal.hpp"

namespace sallyport {

Task<> serve_inspected(Session& session, HttpBinding binding, Host shown) {
  const Inspection* inspection = session.services.shared.inspection;
  if (!inspection) {
    Refusal refusal = denied_by(DecidedBy::guard, "inspection is not set up");
    co_return co_await refuse(session, *binding.record, std::move(refusal), &binding.to, Voice::raw, Spoken::tls);
  }
  session.live.record = nullptr;  // until there is somebody who outlives the handshake
  const Executor executor = session.client.socket.get_executor();
  const Clock::duration limit = session.services.shared.config.timeouts.head;
  auto secured =
      co_await inspection->accept(std::move(session.client), std::move(shown), Protocols::http2_or_http1, limit);
  if (!secured) {
    binding.record->closed(ClosedBy::client);
    binding.record->failed(client_tls_trouble(secured.error()));
    co_return;
  }
  if (binding.record->tls) binding.record->tls->version = (*secured)->version();
  if ((*secured)->alpn() == "h2") co_return co_await serve_http2(session, std::move(binding), std::move(*secured));
  session.client = Connection(std::move(*secured), executor);
  binding.inspected = true;
  co_await serve_http(session, std::move(binding));
}

}  // namespace sallyport
