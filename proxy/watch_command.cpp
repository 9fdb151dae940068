#include "proxy/watch_command.hpp"

#include "proxy/approvals_command_table.hpp"
#include "proxy/approvals_command_words.hpp"
#include "proxy/watch_feed.hpp"
#include "proxy/watch_terminal.hpp"
#include "proxy/watch_view.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <poll.h>
#include <set>
#include <unistd.h>

namespace sallyport {
namespace {

namespace json = boost::json;

struct Options {
  AdminPlace place;
  bool newest_first = false;
};

int failed(const Complaint& complaint) {
  std::cerr << "sallyport approvals: " << complaint.text << '\n';
  return 1;
}

std::string decided_words(const json::object& decided) {
  const auto& approval = object_in(decided, "approval");
  const auto& decision = object_in(approval, "decision");
  const bool approved = text_in(decision, "decision") == "approve";
  return (approved ? "approved: " : "denied: ") + shown(text_in(approval, "agent")) + " to " +
         destination_words(approval) + " (" + extent_words(decision) + ") by " + actor_words(object_in(decision, "by"));
}

// Without a terminal: a line for each event, for a log or a script.
class PlainWatch {
 public:
  void whole(const json::array& pending) {
    for (const auto& each : pending) asked(each.as_object());
  }

  void event(const std::string& name, const json::object& data) {
    if (name == "approval") asked(data);
    if (name == "decision") {
      known_.erase(text_in(object_in(data, "approval"), "id"));
      line(decided_words(data));
    }
    if (name == "expired") {
      known_.erase(text_in(data, "approval"));
      line("expired: " + shown(text_in(data, "approval")) + ": nobody decided");
    }
    if (name == "grant") {
      line("ended: grant " + shown(text_in(data, "id")) + ", " + shown(text_in(data, "agent")) + " to " +
           destination_words(data) + ", " + shown(text_in(object_in(data, "ended"), "how")));
    }
  }

 private:
  void asked(const json::object& approval) {
    const std::string id = text_in(approval, "id");
    if (!known_.insert(id).second) return;
    const std::string said = agent_words(approval);
    // It may have waited since long before this watch began.
    line(moment_in(approval, "first_seen"), "asked: " + shown(id) + ": " + shown(text_in(approval, "agent")) + " to " +
                                                destination_words(approval) + ", asked by " + rule_words(approval) +
                                                (said.empty() ? "" : "; the agent says: " + said));
  }

  static WallClock::time_point moment_in(const json::object& object, std::string_view key) {
    const auto now = WallClock::now();
    const auto moment = parse_moment(text_in(object, key), now, Edge::begin);
    return moment ? *moment : now;
  }
  static void line(const std::string& words) { line(WallClock::now(), words); }
  static void line(WallClock::time_point at, const std::string& words) {
    std::cout << time_text(at) << "  " << words << std::endl;
  }

  std::set<std::string> known_;
};

int watch_plainly(const AdminClient& client) {
  PlainWatch plain;
  WatchFeed feed(client, {[&](const json::array& pending) { plain.whole(pending); },
                          [&](const std::string& name, const json::object& data) { plain.event(name, data); },
                          [](const std::string& words) {
                            std::cerr << "sallyport approvals: " << (words.empty() ? "connected again" : words) << '\n';
                          }});
  const auto begun = feed.begin();
  if (!begun) return failed(begun.error());
  while (std::cout) {
    pollfd ready{feed.descriptor(), POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(feed.patience().count()));
    feed.step();
  }
  return 1;
}

class LiveWatch {
 public:
  LiveWatch(const AdminClient& client, WatchView::Order order)
      : client_(client),
        view_(order),
        feed_(client, {[this](const json::array& pending) { view_.reset(pending, WatchView::Clock::now()); },
                       [this](const std::string& name, const json::object& data) { take(name, data); },
                       [this](const std::string& words) { view_.say(words.empty() ? "connected again" : words); }}) {}

  int run() {
    const auto begun = feed_.begin();
    if (!begun) return failed(begun.error());
    auto terminal = WatchTerminal::take();
    if (!terminal) return failed(terminal.error());
    const bool colour = output_has_colour();
    for (;;) {
      // The last place of a line stays free: a terminal that has just filled it is in a state of its own.
      terminal->draw(view_.lines(terminal->rows(), std::max<std::size_t>(terminal->places(), 2) - 1, colour));
      if (!step(*terminal)) return 0;
    }
  }

 private:
  // False: it is over.
  bool step(WatchTerminal& terminal) {
    pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {terminal.signals(), POLLIN, 0}, {feed_.descriptor(), POLLIN, 0}};
    ::poll(ready, 3, static_cast<int>(feed_.patience().count()));
    for (auto signal = terminal.next_signal(); signal != WatchTerminal::Signal::none; signal = terminal.next_signal()) {
      if (signal == WatchTerminal::Signal::end) return false;
      terminal.measure();
    }
    // News before keys: a key is for what the screen showed, and the view knows what has moved since.
    feed_.step();
    if (ready[0].revents == 0) return true;
    const std::string bytes = terminal.read_keys();
    if (bytes.empty()) return false;
    const auto done = view_.type(bytes, WatchView::Clock::now());
    if (done.decide) decide(*done.decide);
    return !done.quit;
  }

  void decide(const WatchView::Decide& decision) {
    const auto reply = client_.post("/v1/approvals/" + decision.id, decision.body);
    if (!reply) return view_.say(reply.error().text);
    if (!reply->good() && reply->status != 409 && reply->status != 404) return view_.say(reply->problem());
    view_.drop(decision.id, WatchView::Clock::now());
    if (!reply->good()) return view_.say("somebody else was faster: " + reply->problem());
    const auto decided = reply->object();
    view_.say(decided_words(decided) + ": " + std::to_string(count_in(decided, "released")) + " released");
  }

  void take(const std::string& name, const json::object& data) {
    const auto now = WatchView::Clock::now();
    if (name == "approval") view_.put(data, now);
    if (name == "waiting") view_.set_waiting(text_in(data, "approval"), count_in(data, "waiting"));
    if (name == "decision") view_.drop(text_in(object_in(data, "approval"), "id"), now);
    if (name == "expired") view_.drop(text_in(data, "approval"), now);
  }

  const AdminClient& client_;
  WatchView view_;
  WatchFeed feed_;
};

int watch(const Options& options) {
  const auto socket = find_admin_socket(options.place);
  if (!socket) return failed(socket.error());
  const AdminClient client(*socket, "watch");
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return watch_plainly(client);
  LiveWatch live(client, options.newest_first ? WatchView::Order::newest_first : WatchView::Order::oldest_first);
  return live.run();
}

}  // namespace

void add_watch_command(CLI::App& approvals, int& exit_status) {
  auto options = std::make_shared<Options>();
  CLI::App* command = approvals.add_subcommand("watch", "A live view where one key decides");
  add_admin_place(*command, options->place);
  command->add_flag("--newest-first", options->newest_first, "else the oldest question is at the top");
  command->footer("Without a terminal it prints a line for each event.");
  command->callback([options, &exit_status] { exit_status = watch(*options); });
}

}  // namespace sallyport
