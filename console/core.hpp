// What the admin server's sessions share: one thread for the sockets, a few for answers that may block.
#pragma once
#include "console/event_hub.hpp"
#include "console/limits.hpp"
#include "console/rate.hpp"
#include "console/routes.hpp"
#include "net/task.hpp"

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>
#include <vector>

namespace sallyport {

struct AdminCore {
  AdminCore(Backend backend, std::unique_ptr<TokenStore> store, AdminLimits bounds, std::vector<std::string> hosts)
      : tokens(std::move(store)),
        desk{std::move(backend), *tokens},
        limits(bounds),
        host_names(std::move(hosts)),
        rates(limits.requests_per_second, limits.burst) {}

  asio::io_context context{1};
  EventHub hub{context};
  std::unique_ptr<TokenStore> tokens;
  Desk desk;
  AdminLimits limits;
  std::vector<std::string> host_names;  // by which the console may be called besides its addresses
  CallerRates rates;                    // the sockets' thread's
  asio::thread_pool quick{2}, slow{1};
};

}  // namespace sallyport
