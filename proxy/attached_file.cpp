#include "proxy/attached_file.hpp"

#include "policy/agent_name.hpp"

#include <boost/json.hpp>

#include <fstream>

namespace sallyport {
namespace {

namespace json = boost::json;

json::object object_of(const RememberedNamespace& each) {
  const auto& identity = each.identity;
  json::object object{{"agent", each.agent}};
  if (each.place.path.empty()) {
    object.emplace("pid", each.place.pid);
  } else {
    object.emplace("netns", each.place.path);
  }
  object.emplace("device", identity.device);
  object.emplace("inode", identity.inode);
  object.emplace("cookie", identity.cookie);
  object.emplace("began", identity.began);
  return object;
}

RememberedNamespace remembered(const json::object& object) {
  RememberedNamespace each;
  each.agent = object.at("agent").as_string();
  if (const json::value* path = object.if_contains("netns")) {
    each.place.path = path->as_string();
  } else {
    each.place.pid = object.at("pid").to_number<pid_t>();
  }
  each.identity.device = object.at("device").to_number<std::uint64_t>();
  each.identity.inode = object.at("inode").to_number<std::uint64_t>();
  each.identity.cookie = object.at("cookie").to_number<std::uint64_t>();
  each.identity.began = object.at("began").to_number<std::uint64_t>();
  if (!is_agent_name(each.agent)) throw std::invalid_argument("no agent's name");
  return each;
}

}  // namespace

std::string attached_text(const std::vector<RememberedNamespace>& all, const std::string& boot) {
  json::array list;
  for (const auto& each : all) list.push_back(object_of(each));
  return json::serialize(json::object{{"boot", boot}, {"attached", std::move(list)}}) + "\n";
}

Outcome<std::vector<RememberedNamespace>> parse_attached(std::string_view text, const std::string& boot) {
  std::vector<RememberedNamespace> all;
  try {
    const json::object file = json::parse(text).as_object();
    if (boot.empty() || file.at("boot").as_string() != std::string_view(boot)) return all;
    for (const auto& each : file.at("attached").as_array()) all.push_back(remembered(each.as_object()));
  } catch (const std::exception& fault) {
    // Somebody wrote into it, or the disk did: what it says is worth nothing.
    return Complaint{std::string("it can't be read: ") + fault.what()};
  }
  return all;
}

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace sallyport
