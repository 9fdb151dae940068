// For this folder's tests: two ends of a loopback connection, a CA of their own, and servers with bad certificates.
#pragma once
#include "certs/certs_test_support.hpp"
#include "net/loopback_test.hpp"
#include "net/within.hpp"
#include "proxy/inspection/inspection.hpp"

#include <memory>
#include <string>
#include <utility>

namespace sallyport::test {

inline CertificateTime now() {
  return std::chrono::system_clock::now();
}

// A CA in a folder, and an Inspection that signs with it and trusts it upstream, as no program does: so both ends of a
// connection can be made by it.
struct Ground {
  explicit Ground(bool trusts_itself = true) : authority(authority_in(folder, now())) {
    std::vector<std::string> roots;
    if (trusts_itself) roots.push_back(folder.file("ca.pem"));
    inspection = Inspection::open(authority, roots).value();
  }
  Folder folder;
  std::shared_ptr<const Authority> authority;
  std::unique_ptr<const Inspection> inspection;
};

struct Ends {
  asio::io_context context;
  std::pair<Socket, Socket> sockets = sallyport::testing::connected_pair(context);
  std::optional<Secured> client, server;

  Executor executor() { return context.get_executor(); }
};

}  // namespace sallyport::test
