// A c-ares channel on an io_context: queries in, messages out. The file that includes ares.h stands behind this.
#pragma once
#include "dns/resolver.hpp"

#include <functional>
#include <memory>
#include <span>

namespace sallyport::dns {

// The answer's bytes (empty where there was none), and what c-ares made of it where there are none.
using ChannelCallback = std::function<void(std::span<const std::uint8_t> message, ResolveFault fault)>;

// Each callback is called once: with an answer, a fault, or `stopped` from the destructor.
class CaresChannel {
 public:
  CaresChannel(asio::io_context& context, const ResolverOptions& options);
  ~CaresChannel();

  void query(const HostName& name, RecordType type, ChannelCallback callback);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sallyport::dns
