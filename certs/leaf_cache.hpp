// Leaf certificates by host: minted at the first request, kept while they are used.
#pragma once
#include "certs/leaf.hpp"

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sallyport {

// Any thread. All leaves have one key, made with the cache and never written down: whoever could read one key from
// this memory could read them all, and the CA's too, so a key each would cost 25 µs more and protect nobody.
class LeafCache {
 public:
  // Keeps at most `limit` leaves (about 3 KB each) and drops those that were asked for longest ago.
  // Throws where there are no random numbers for a key.
  explicit LeafCache(std::shared_ptr<const Authority> authority, std::size_t limit = 4096);
  ~LeafCache();
  LeafCache(const LeafCache&) = delete;
  LeafCache& operator=(const LeafCache&) = delete;

  // The host's leaf, valid at `now`. However many ask at once for a host that has none, one of them mints it and the
  // others wait, about 0.3 ms; nobody waits for the minting of another host.
  Outcome<std::shared_ptr<const Leaf>> get(const Host& host, CertificateTime now = std::chrono::system_clock::now());

  std::size_t size() const;
  std::size_t minted() const;  // since it was made

 private:
  using Minted = Outcome<std::shared_ptr<const Leaf>>;
  struct Kept {
    std::string host;
    std::shared_ptr<const Leaf> leaf;
  };
  struct Flight;
  Minted mint(const Host& host, CertificateTime now) const;
  std::shared_ptr<const Leaf> find(const std::string& host, CertificateTime now);
  void keep(const std::string& host, std::shared_ptr<const Leaf> leaf);

  const std::shared_ptr<const Authority> authority_;
  const PrivateKey key_;
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::list<Kept> recent_;  // the one asked for last comes first
  std::unordered_map<std::string, std::list<Kept>::iterator> by_host_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::size_t minted_ = 0;
};

}  // namespace sallyport
