#include "proxy/internal_contexts.hpp"

namespace sallyport {
namespace {

bool is_empty(const AgentContext& context) {
  return context.session.empty() && context.tool_call.empty() && context.tool.empty() && context.reason.empty() &&
         context.traceparent.empty();
}

bool is_loopback(const Address& address) {
  const std::string text = address.text();
  return text == "::1" || text.starts_with("127.");
}

}  // namespace

std::string context_key(const std::string& agent, const std::optional<Address>& source) {
  if (agent != "default" || !source) return agent;
  return agent + " " + (is_loopback(*source) ? "loopback" : source->text());
}

bool AgentContexts::put(const std::string& key, AgentContext context, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (is_empty(context)) {
    entries_.erase(key);
  } else {
    if (entries_.size() >= most && !entries_.contains(key)) {
      std::erase_if(entries_, [now](const auto& entry) { return now - entry.second.last_used > unused_for; });
      // Nobody's label is dropped for another's: an agent with many addresses would bury the rest.
      if (entries_.size() >= most) return false;
    }
    entries_[key] = Entry{std::move(context), now};
  }
  size_ = entries_.size();
  return true;
}

std::optional<AgentContext> AgentContexts::find(const std::string& key, Clock::time_point now) {
  if (size_ == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  if (now - found->second.last_used > unused_for) {
    entries_.erase(found);
    size_ = entries_.size();
    return std::nullopt;
  }
  found->second.last_used = now;
  return found->second.context;
}

void AgentContexts::remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
  size_ = entries_.size();
}

void AgentContexts::label(Origin& origin) {
  origin.context.reset();
  if (size_ > 0) origin.context = find(context_key(origin.agent, origin.source), Clock::now());
}

InternalWaits::Place InternalWaits::take(const std::string& agent) {
  {
    const std::lock_guard lock(mutex_);
    unsigned& count = waiting_[agent];
    if (count >= per_agent) return nullptr;
    ++count;
  }
  return Place(this, [this, agent](void*) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(agent);
    if (--found->second == 0) waiting_.erase(found);
  });
}

}  // namespace sallyport
