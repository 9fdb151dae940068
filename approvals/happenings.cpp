// Telling those who listen: in order, and with no lock held.
#include "approvals/state.hpp"

#include <algorithm>

namespace sallyport {

struct Approvals::State::Listener {
  explicit Listener(std::function<void(const Happening&)> function) : listener(std::move(function)) {}
  std::function<void(const Happening&)> listener;
  // Recursive, since a listener may end its own subscription.
  std::recursive_mutex calling;
  bool gone = false;

  void hear(const Happening& happening) {
    const std::lock_guard lock(calling);
    if (!gone) listener(happening);
  }
};

void Approvals::State::tell(Happening happening) {
  if (!has_listeners()) return;
  // A thousand who join are told of as one change of the count, where nobody has heard of the one before.
  const auto* now_waiting = std::get_if<Waiting>(&happening);
  auto* last = happened.empty() ? nullptr : std::get_if<Waiting>(&happened.back());
  if (now_waiting != nullptr && last != nullptr && last->approval == now_waiting->approval) {
    last->waiting = now_waiting->waiting;
    return;
  }
  happened.push_back(std::move(happening));
}

// One thread at a time, so that they come in order; it also tells what others add meanwhile.
void Approvals::State::publish() {
  std::unique_lock lock(mutex);
  if (publishing) return;
  publishing = true;
  while (!happened.empty()) {
    std::deque<Happening> batch;
    batch.swap(happened);
    std::vector<std::shared_ptr<Listener>> all;
    for (const auto& one : listeners) {
      if (auto listener = one.lock()) all.push_back(std::move(listener));
    }
    lock.unlock();
    for (const Happening& happening : batch) {
      for (const auto& listener : all) listener->hear(happening);
    }
    all.clear();
    lock.lock();
  }
  publishing = false;
}

Approvals::Subscription Approvals::subscribe(std::function<void(const Happening&)> listener) {
  auto one = std::make_shared<State::Listener>(std::move(listener));
  {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->listeners, [](const auto& known) { return known.expired(); });
    state_->listeners.push_back(one);
  }
  State::Listener* const raw = one.get();
  return Subscription(std::shared_ptr<void>(raw, [one = std::move(one)](void*) mutable {
    const std::lock_guard lock(one->calling);
    one->gone = true;
  }));
}

Approvals::Attendance Approvals::attend() {
  ++state_->attendants;
  return Attendance(std::shared_ptr<void>(state_.get(), [state = state_](void*) { --state->attendants; }));
}

bool Approvals::attended() const {
  return state_->attendants > 0;
}

}  // namespace sallyport
