#include "proxy/attachments.hpp"

#include "console/save_file.hpp"
#include "policy/agent_name.hpp"
#include "policy/read_file.hpp"
#include "proxy/monitor/only_loopback.hpp"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <poll.h>
#include <unistd.h>

namespace sallyport {
namespace {

constexpr auto look_interval = std::chrono::seconds(1);

std::string text_of_place(const NamespacePlace& place) {
  return place.path.empty() ? "process " + std::to_string(place.pid) : place.path;
}

AgentInfo info(const std::string& agent, const NamespacePlace& place) {
  return AgentInfo{agent, "attached", text_of_place(place), 0, 0};
}

}  // namespace

Attachments::Attachments(std::shared_ptr<AttachMonitor> monitor, std::vector<std::unique_ptr<Worker>>& workers,
                         std::string file, AuditLog& audit, const PolicyHolder& policy)
    : monitor_(std::move(monitor)),
      workers_(workers),
      file_(std::move(file)),
      boot_(boot_id()),
      audit_(audit),
      policy_(policy),
      changed_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  recall();
  minder_ = std::jthread([this](const std::stop_token& stop) { mind(stop); });
}

Attachments::~Attachments() {
  minder_.request_stop();
  wake();
  minder_.join();
}

void Attachments::recall() {
  std::error_code error;
  if (!std::filesystem::exists(file_, error)) return;
  const auto text = read_file(file_);
  auto all = text ? parse_attached(*text, boot_) : Outcome<std::vector<RememberedNamespace>>(text.error());
  if (!all) {
    spdlog::error("{}: {}; nothing is attached again", file_, all.error().text);
    return;
  }
  const std::lock_guard lock(mutex_);
  for (auto& each : *all) {
    const std::string agent = each.agent;
    const std::string place = text_of_place(each.place);
    if (const auto opened = open(std::move(each), How::again); !opened) {
      spdlog::warn("{} is not attached again: {}: {}", agent, place, opened.error().text);
      tell(LifecycleEvent::Kind::detached, agent, place + " was not attached again: " + opened.error().text);
    }
  }
  save();
}

void Attachments::lend(Backend& backend) {
  backend.attach = [this](const AttachRequest& request, const Caller& by) { return attach(request, by); };
  backend.detach = [this](const std::string& agent, const Caller& by) { return detach(agent, by); };
}

Outcome<AgentInfo> Attachments::attach(const AttachRequest& request, const Caller& by) {
  if (request.pid > std::numeric_limits<pid_t>::max()) return Complaint{"there is no such process"};
  const NamespacePlace place{request.netns, static_cast<pid_t>(request.pid)};
  const auto attached = attach_as(request.agent, place);
  tell_of_request("agents.attach", ApiEvent::Activity::create, request.agent, by, attached);
  if (!attached) return attached.error();
  AgentInfo made = info(request.agent, place);
  if (!policy_.current()->has_agent(request.agent))
    made.detail += " (the policy has no agent of this name: the common rules apply)";
  return made;
}

Outcome<void> Attachments::detach(const std::string& agent, const Caller& by) {
  auto detached = detach(agent);
  tell_of_request("agents.detach", ApiEvent::Activity::remove, agent, by, detached);
  return detached;
}

Outcome<void> Attachments::attach_as(const std::string& agent, const NamespacePlace& place) {
  if (!is_agent_name(agent)) return Complaint{"an agent's name has 1 to 64 letters, digits, -, _ and ."};
  const std::lock_guard lock(mutex_);
  const auto same = [&](const Entry& entry) { return entry.what.agent == agent; };
  if (std::any_of(entries_.begin(), entries_.end(), same))
    return Complaint{agent + " is attached already: `sallyport detach " + agent + "` first, or take another name"};
  if (auto opened = open(RememberedNamespace{agent, place, {}}, How::anew); !opened) return opened.error();
  save();
  return {};
}

Outcome<void> Attachments::open(RememberedNamespace what, How how) {
  const auto known = how == How::again ? std::optional(what.identity) : std::nullopt;
  auto opened = monitor_->open(what.place, known);
  if (!opened) return opened.error();
  what.identity = opened->identity;
  Entry entry{std::move(what), opened->door, 0, nullptr, std::move(opened->link_watch)};
  entry.worker = workers_[next_worker_++ % workers_.size()].get();
  OwnerFinder owner = [monitor = monitor_, door = opened->door](const ConnectionEnds& ends, Clock::time_point until) {
    return monitor->owner(door, ends, until);
  };
  entry.worker_door = entry.worker->attach(std::move(opened->sockets), entry.what.agent, std::move(owner));
  tell(LifecycleEvent::Kind::attached, entry.what.agent,
       text_of_place(entry.what.place) + (how == How::again ? " was attached again" : " was attached"));
  entries_.push_back(std::move(entry));
  wake();
  return {};
}

Outcome<void> Attachments::detach(const std::string& agent) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.what.agent == agent; });
  if (found == entries_.end()) return Complaint{"no agent is attached by this name"};
  close(*found);
  tell(LifecycleEvent::Kind::detached, agent, text_of_place(found->what.place) + " was detached");
  entries_.erase(found);
  save();
  wake();
  return {};
}

void Attachments::close(Entry& entry) {
  entry.worker->detach(entry.worker_door);
  monitor_->close(entry.monitor_door);
}

std::vector<AgentInfo> Attachments::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<AgentInfo> all;
  for (const Entry& entry : entries_) all.push_back(info(entry.what.agent, entry.what.place));
  return all;
}

void Attachments::wake() const {
  static_cast<void>(::eventfd_write(changed_.get(), 1));
}

// An interface that comes is news at once; a place that leads elsewhere is looked for.
void Attachments::mind(const std::stop_token& stop) {
  auto next_look = Clock::now() + look_interval;
  while (!stop.stop_requested()) {
    std::vector<pollfd> watched{{changed_.get(), POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const Entry& entry : entries_) watched.push_back({entry.link_watch.get(), POLLIN, 0});
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_look - Clock::now()).count();
    static_cast<void>(::poll(watched.data(), watched.size(), static_cast<int>(std::max<std::int64_t>(left, 0))));
    if (watched[0].revents != 0) {
      eventfd_t ignored = 0;
      static_cast<void>(::eventfd_read(changed_.get(), &ignored));
    }
    const bool time = Clock::now() >= next_look;
    if (time) next_look = Clock::now() + look_interval;
    const std::lock_guard lock(mutex_);
    const std::size_t before = entries_.size();
    for (std::size_t i = entries_.size(); i-- > 0;) {
      const int watch = entries_[i].link_watch.get();
      const auto news = std::find_if(watched.begin() + 1, watched.end(),
                                     [watch](const pollfd& each) { return each.fd == watch && each.revents != 0; });
      if (time || news != watched.end()) look_at(i, time ? Look::all : Look::links);
    }
    // Without the monitor nobody knows them to be gone: they are looked for after a restart.
    if (entries_.size() != before && monitor_->ping()) save();
  }
}

void Attachments::look_at(std::size_t index, Look look) {
  Entry& entry = entries_[index];
  auto good = has_only_loopback(entry.link_watch.get());
  if (good && look == Look::all) good = monitor_->check(entry.monitor_door);
  if (good) return;
  const std::string why = text_of_place(entry.what.place) + " was detached: " + good.error().text;
  spdlog::warn("{}: {}", entry.what.agent, why);
  close(entry);
  tell(LifecycleEvent::Kind::detached, entry.what.agent, why);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Attachments::tell(LifecycleEvent::Kind kind, const std::string& agent, const std::string& what) {
  LifecycleEvent event;
  event.time = WallClock::now();
  event.kind = kind;
  event.agent = agent;
  event.detail = what;
  event.policy_uid = policy_.current()->uid();
  static_cast<void>(audit_.append(std::move(event)));
}

void Attachments::tell_of_request(const char* operation, ApiEvent::Activity activity, const std::string& agent,
                                  const Caller& by, const Outcome<void>& done) {
  ApiEvent event;
  event.time = WallClock::now();
  event.activity = activity;
  event.operation = operation;
  event.actor = by.name;
  event.role = word_of(by.role);
  event.through = by.through;
  event.source = by.source;
  event.agent = agent;
  event.policy_uid = policy_.current()->uid();
  event.success = done.has_value();
  if (!done) event.status_detail = done.error().text;
  static_cast<void>(audit_.append(std::move(event)));
}

void Attachments::save() const {
  if (boot_.empty()) return;
  std::vector<RememberedNamespace> all;
  for (const Entry& entry : entries_) all.push_back(entry.what);
  if (!save_secret_file(file_, attached_text(all, boot_)))
    spdlog::error("{} can't be written: after a restart what is attached now must be attached by hand", file_);
}

}  // namespace sallyport
