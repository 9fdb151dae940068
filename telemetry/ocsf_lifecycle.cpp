// Records of Sallyport itself: its life, its policy, and what people did.
#include "telemetry/ocsf.hpp"
#include "telemetry/ocsf_parts.hpp"

namespace sallyport {
namespace {

using Kind = LifecycleEvent::Kind;

struct KindPart {
  const char* word;
  int activity;
  int severity;
};

KindPart part_of(Kind kind) {
  switch (kind) {
    case Kind::start:
      return {"start", 3, 1};
    case Kind::stop:
      return {"stop", 4, 1};
    case Kind::guard_lost:
      return {"guard_lost", 7, 5};
    case Kind::guard_regained:
      return {"guard_regained", 6, 1};
    case Kind::attached:
      return {"attached", 99, 1};
    case Kind::detached:
      return {"detached", 99, 2};
    case Kind::log_torn:
      return {"log_torn", 99, 3};
    case Kind::log_gap:
      return {"log_gap", 99, 4};
    case Kind::log_retired:
      return {"log_retired", 99, 1};
    case Kind::checkpoint:
      break;
  }
  return {"checkpoint", 99, 1};
}

void put_head(JsonText& json, Kind kind, WallClock::time_point time, std::uint64_t sequence, std::string_view prev) {
  const KindPart part = part_of(kind);
  const bool bad = kind == Kind::guard_lost || kind == Kind::log_gap || kind == Kind::log_torn;
  put_class(json, {6002, part.activity, time, part.severity, bad ? failure : success});
  if (part.activity == 99) json.word("activity_name", part.word);
  put_metadata(json, Profiles::control, {}, sequence, prev);
  put_product(json, "app");
}

void put_actor(JsonText& json, std::string_view name, const std::optional<Address>& source) {
  json.begin("actor").begin("user").text("name", name.empty() ? "unknown" : name, 256).end().end();
  json.begin("src_endpoint");
  if (source) {
    json.word("ip", source->text());
  } else {
    json.word("name", "local");
  }
  json.end();
}

}  // namespace

void put_line(JsonText& json, const LifecycleEvent& event, std::uint64_t sequence, std::string_view prev) {
  put_head(json, event.kind, event.time, sequence, prev);
  put_policy(json, event.policy_uid);
  json.some("status_detail", event.detail).begin("unmapped").begin("sallyport");
  json.word("event", part_of(event.kind).word).some("agent", event.agent, 256);
  if (event.lost != 0) json.count("lost", event.lost);
  if (event.begins != 0) json.count("begins", event.begins);
  put_end(json, prev);
}

void put_line(JsonText& json, const PolicyEvent& event, std::uint64_t sequence, std::string_view prev) {
  put_class(json, {6003, 3, event.time, event.accepted ? 1 : 3, event.accepted ? success : failure});
  put_metadata(json, Profiles::control, {}, sequence, prev);
  put_policy(json, event.accepted ? event.new_uid : event.old_uid);
  put_actor(json, event.actor, event.source);
  json.begin("api").word("operation", "policy.reload").begin("service").word("name", "sallyport").end().end();
  json.some("status_detail", event.why, 4096).begin("unmapped").begin("sallyport").word("event", "policy");
  json.some("old_policy", event.old_uid, 128).some("new_policy", event.new_uid, 128);
  put_end(json, prev);
}

void put_line(JsonText& json, const ApiEvent& event, std::uint64_t sequence, std::string_view prev) {
  const int activity = static_cast<int>(event.activity);
  put_class(json, {6003, activity, event.time, event.success ? 1 : 2, event.success ? success : failure});
  put_metadata(json, Profiles::control, event.correlation, sequence, prev);
  put_policy(json, event.policy_uid);
  put_actor(json, event.actor, event.source);
  json.begin("api").text("operation", event.operation, 128).begin("service").word("name", "sallyport").end().end();
  if (!event.host.empty()) {
    json.begin("dst_endpoint").text("name", event.host, 512);
    if (event.port != 0) json.number("port", event.port);
    json.end();
  }
  json.some("status_detail", event.status_detail).begin("unmapped").begin("sallyport").word("event", "api");
  json.some("role", event.role, 32).some("agent", event.agent, 256).some("approval", event.approval, 128);
  json.some("grant", event.grant, 128).some("scope", event.scope, 32).some("match", event.match, 32);
  json.some("note", event.note, 1024).some("through", event.through, 32);
  if (event.decision_time) json.number("decision_ms", event.decision_time->count());
  put_end(json, prev);
}

std::string encode(const Checkpoint& checkpoint, WallClock::time_point time, std::uint64_t sequence,
                   std::string_view prev) {
  std::string line;
  JsonText json(line);
  put_head(json, Kind::checkpoint, time, sequence, prev);
  json.begin("unmapped").begin("sallyport").word("event", "checkpoint");
  json.begin("checkpoint").count("sequence", checkpoint.head.sequence).word("sha256", checkpoint.head.sha256);
  json.word("key", checkpoint.key).word("signature", checkpoint.signature).end();
  put_end(json, prev);
  return line;
}

}  // namespace sallyport
