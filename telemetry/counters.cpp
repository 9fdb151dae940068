#include "telemetry/counters.hpp"

#include "telemetry/dns_text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace sallyport {
namespace {

struct Meaning {
  std::string_view name, help, unit;
};
constexpr std::array<Meaning, 8> meanings{{
    {"sallyport_connections_total", "Connections let out or refused, by door and by what decided.", "{connection}"},
    {"sallyport_connections_ended_total", "Connections that ended, by who ended them.", "{connection}"},
    {"sallyport_connections_delayed_total", "Connections that had to wait for an answer.", "{connection}"},
    {"sallyport_network_io_bytes_total", "Bytes relayed, as the agents see them.", "By"},
    {"sallyport_http_requests_total", "HTTP requests, refused ones among them.", "{request}"},
    {"sallyport_dns_queries_total", "DNS queries, by response code.", "{query}"},
    {"sallyport_api_operations_total", "What people and programs did at the admin API.", "{operation}"},
    {"sallyport_policy_reloads_total", "Policies offered, taken or refused.", "{reload}"},
}};

Meaning meaning_of(std::string_view name) {
  const auto at = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& one) { return one.name == name; });
  return at == meanings.end() ? Meaning{} : *at;
}

// Whoever makes methods up shall not make series up.
std::string known_method(const std::string& method) {
  constexpr std::array<std::string_view, 9> methods{"CONNECT", "DELETE", "GET",   "HEAD", "OPTIONS",
                                                    "POST",    "PUT",    "TRACE", "PATCH"};
  return std::find(methods.begin(), methods.end(), method) == methods.end() ? "_OTHER" : method;
}

std::string known_status(int status) {
  return status >= 100 && status <= 599 ? std::to_string(status) : "none";
}

constexpr std::array<const char*, 7> rcodes{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "other"};

std::string decided_by(const Origin& origin) {
  return origin.verdict ? word_of(origin.verdict->decided_by) : "none";
}

}  // namespace

void EventCounters::add(const Event& event) {
  const std::lock_guard lock(mutex_);
  std::visit([this](const auto& one) { tally(one); }, event);
}

void EventCounters::count(const char* name, Measure::Labels labels, std::uint64_t by) {
  counts_[Key{name, std::move(labels)}] += by;
}

void EventCounters::tally(const ConnectionEvent& event) {
  using Activity = ConnectionEvent::Activity;
  const char* const bytes = "sallyport_network_io_bytes_total";
  if (event.traffic.in != 0) count(bytes, {{"network.io.direction", "receive"}}, event.traffic.in);
  if (event.traffic.out != 0) count(bytes, {{"network.io.direction", "transmit"}}, event.traffic.out);
  switch (event.activity) {
    case Activity::open:
    case Activity::refuse: {
      const char* const verdict = event.activity == Activity::open ? "allow" : "deny";
      count("sallyport_connections_total",
            {{"door", word_of(event.origin.door)}, {"verdict", verdict}, {"decided_by", decided_by(event.origin)}},
            event.count);
      break;
    }
    case Activity::hold:
      count("sallyport_connections_delayed_total", {{"door", word_of(event.origin.door)}});
      break;
    case Activity::close:
    case Activity::reset:
    case Activity::fail:
      count("sallyport_connections_ended_total",
            {{"closed_by", event.closed_by ? word_of(*event.closed_by) : "unknown"}});
      break;
    case Activity::traffic:
      break;
  }
}

void EventCounters::tally(const HttpEvent& event) {
  count("sallyport_http_requests_total", {{"http.request.method", known_method(event.method)},
                                          {"http.response.status_code", known_status(event.status)}});
}

void EventCounters::tally(const DnsEvent& event) {
  const auto rcode = static_cast<std::size_t>(std::max(event.text->rcode, 0));
  queries_[std::min(rcode, queries_.size() - 1)] += event.count;
}

void EventCounters::tally(const ApiEvent& event) {
  count("sallyport_api_operations_total",
        {{"operation", event.operation}, {"outcome", event.success ? "success" : "failure"}});
}

void EventCounters::tally(const PolicyEvent& event) {
  count("sallyport_policy_reloads_total", {{"outcome", event.accepted ? "success" : "failure"}});
}

std::vector<Measure> EventCounters::measures() const {
  const std::lock_guard lock(mutex_);
  auto counts = counts_;
  for (std::size_t i = 0; i < rcodes.size(); ++i) {
    if (queries_[i] != 0) counts[{"sallyport_dns_queries_total", {{"rcode", rcodes[i]}}}] = queries_[i];
  }
  std::vector<Measure> all;
  for (const auto& [key, value] : counts) {
    const Meaning meaning = meaning_of(key.first);
    all.push_back(Measure{key.first, std::string(meaning.help), std::string(meaning.unit), Measure::Kind::counter,
                          key.second, static_cast<double>(value)});
  }
  return all;
}

}  // namespace sallyport
