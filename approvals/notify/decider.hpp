// An endpoint that may decide before a person does.
//
// It is sent what a webhook is, and answers 200 with {"decision": "approve" | "deny", scope?, match?, ttl?, uses?,
// upload?, note?}, as one would POST to the admin API, or {"decision": "leave"}. What it decides is held to the same
// checks and recorded as its own: by the name of its host, through "decider". Anything else, or nothing in time,
// changes nothing: then a person decides. A person who was faster has decided.
#pragma once
#include "approvals/approvals.hpp"
#include "approvals/notify/backlog.hpp"
#include "approvals/notify/endpoint.hpp"
#include "approvals/notify/notice.hpp"

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <optional>

namespace sallyport {

// The Decision in a decider's reply, nullopt for leave; the complaint says what is wrong with it.
Outcome<std::optional<Decision>> decision_of(const Endpoint::Reply& reply);

class Decider {
 public:
  Decider(Errands& errands, dns::Resolver& resolver, Approvals& approvals, DeciderOptions options);
  // After the errands' thread has ended: waits for decisions that are being written.
  ~Decider();

  // On the errands' thread, as what follows. Its time begins now.
  void consider(const std::shared_ptr<const Notice>& notice);
  // Of an earlier run: its time begins when its turn comes.
  void reconsider(const std::shared_ptr<const Notice>& notice);

 private:
  struct Case {
    std::shared_ptr<const Notice> notice;
    std::optional<Clock::time_point> deadline;
  };
  void add(Case one);
  Task<> ask(Case one);
  void decide(const std::string& approval, const Decision& decision);
  void left(const std::string& approval, const std::string& why);

  Approvals& approvals_;
  const Clock::duration timeout_;
  Endpoint endpoint_;
  Backlog<Case> backlog_;
  std::uint64_t dropped_ = 0;
  asio::thread_pool desk_;  // a decision waits for the disk
};

}  // namespace sallyport
