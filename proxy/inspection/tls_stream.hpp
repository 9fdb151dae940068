// TLS over a connection, either end of it.
#pragma once
#include "net/connection.hpp"
#include "net/stream.hpp"
#include "policy/result.hpp"
#include "proxy/inspection/tls_trouble.hpp"

#include <memory>
#include <optional>
#include <string>

struct ssl_st;

namespace sallyport {

struct FreeSsl {
  void operator()(ssl_st* ssl) const;
};
using Ssl = std::unique_ptr<ssl_st, FreeSsl>;

// Bytes are clear on this side. read_some() ends with eof after the peer's close_notify alone; a connection that ends
// without one is cut short, which is an error (RFC 8446, 6.1). finish() sends ours and keeps reading.
class TlsStream : public Stream {
 public:
  // `over` is a plain connection; what of it is unread is read first. `ssl` knows which end it is.
  TlsStream(Ssl ssl, Connection over);
  ~TlsStream() override;

  // Comes first, and once. Nothing: it is done.
  Task<std::optional<TlsTrouble>> handshake();
  // "1.3"
  std::string version() const;
  // What was agreed; empty: nothing.
  std::string alpn() const;

  // Of a server: the name that the client asked for last; empty: none.
  std::string server_name() const;

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override;
  Task<Result<void>> write(std::span<const std::uint8_t> bytes) override;
  void finish() override;
  void abort() override;
  void stop_reading() override;
  void close() override;
  bool is_quiet() override;
  Task<Result<void>> gone(PeerWatch& watch) override;

 private:
  struct State;
  Task<Result<void>> fill();
  Task<Result<void>> flush();

  const std::shared_ptr<State> state_;  // also of a goodbye that is still being sent
};

}  // namespace sallyport
