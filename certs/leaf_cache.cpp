#include "certs/leaf_cache.hpp"

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <stdexcept>

namespace sallyport {

// One minting, and those who wait for it.
struct LeafCache::Flight {
  std::condition_variable landed;
  std::optional<Minted> result;
};

LeafCache::LeafCache(std::shared_ptr<const Authority> authority, std::size_t limit)
    : authority_(std::move(authority)), key_(new_private_key()), limit_(std::max<std::size_t>(limit, 1)) {
  if (!key_) throw std::runtime_error("cannot make a key for certificates: " + last_openssl_error());
}

LeafCache::~LeafCache() = default;

Outcome<std::shared_ptr<const Leaf>> LeafCache::get(const Host& host, CertificateTime now) {
  // No name is also an address: HostName refuses what looks like a number, and has no colon.
  const std::string text = host.text();
  std::unique_lock lock(mutex_);
  if (auto leaf = find(text, now)) return leaf;
  auto& place = flights_[text];
  if (place) {
    const auto flight = place;
    flight->landed.wait(lock, [&flight] { return flight->result.has_value(); });
    return *flight->result;
  }
  const auto flight = place = std::make_shared<Flight>();
  lock.unlock();
  auto minted = mint(host, now);
  lock.lock();
  flight->result = minted;
  flights_.erase(text);
  flight->landed.notify_all();
  if (minted) {
    ++minted_;
    keep(text, *minted);
  }
  return minted;
}

Outcome<std::shared_ptr<const Leaf>> LeafCache::mint(const Host& host, CertificateTime now) const {
  try {
    return mint_leaf(*authority_, key_, host, now);
  } catch (const std::exception& error) {
    // Thrown past the others, who wait for an answer, it would leave them waiting for ever.
    return Complaint{"cannot mint a certificate for ", host.text(), ": ", error.what()};
  }
}

std::shared_ptr<const Leaf> LeafCache::find(const std::string& host, CertificateTime now) {
  const auto found = by_host_.find(host);
  if (found == by_host_.end() || !found->second->leaf->serves(now)) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second);
  return found->second->leaf;
}

void LeafCache::keep(const std::string& host, std::shared_ptr<const Leaf> leaf) {
  if (const auto old = by_host_.find(host); old != by_host_.end()) {
    recent_.erase(old->second);
    by_host_.erase(old);
  }
  recent_.push_front({host, std::move(leaf)});
  by_host_[host] = recent_.begin();
  while (recent_.size() > limit_) {
    by_host_.erase(recent_.back().host);
    recent_.pop_back();
  }
}

std::size_t LeafCache::size() const {
  const std::lock_guard lock(mutex_);
  return recent_.size();
}

std::size_t LeafCache::minted() const {
  const std::lock_guard lock(mutex_);
  return minted_;
}

}  // namespace sallyport
