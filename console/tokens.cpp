#include "console/tokens.hpp"

#include "console/save_file.hpp"
#include "policy/read_file.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>

namespace sallyport {
namespace {

constexpr std::size_t most_tokens = 256;
constexpr std::string_view first_name = "admin";

// 256 random bits. Throws where the kernel has none, which it never says once it is up.
std::string fresh_token() {
  std::array<std::uint8_t, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the kernel gives no random bytes");
  return "sp_" + hex(bytes);
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@-").find(c) != std::string_view::npos;
  });
}

std::optional<Sha256Digest> parse_digest(std::string_view text) {
  Sha256Digest digest{};
  if (text.size() != digest.size() * 2) return std::nullopt;
  for (std::size_t at = 0; at < digest.size(); ++at) {
    unsigned byte = 0;
    for (const char c : text.substr(at * 2, 2)) {
      const auto value = std::string_view("0123456789abcdef").find(c);
      if (value == std::string_view::npos) return std::nullopt;
      byte = byte * 16 + static_cast<unsigned>(value);
    }
    digest[at] = static_cast<std::uint8_t>(byte);
  }
  return digest;
}

}  // namespace

Outcome<std::unique_ptr<TokenStore>> TokenStore::open(const std::string& data) {
  std::unique_ptr<TokenStore> store(new TokenStore(data));
  const std::string path = data + "/tokens.json";
  if (std::filesystem::exists(path)) {
    const auto text = read_file(path);
    if (!text) return text.error();
    const auto loaded = store->load(*text);
    if (!loaded) return loaded.error();
    return store;
  }
  const std::string token = fresh_token();
  // The text first: a store without it would lock everybody out of the page.
  if (!save_secret_file(data + "/admin.token", token + '\n'))
    return Complaint{"cannot write ", data, "/admin.token: is the data directory writable?"};
  std::vector<Entry> entries{{{std::string(first_name), Role::admin, WallClock::now()}, sha256(token)}};
  if (!store->save(entries)) return Complaint{"cannot write ", path, ": is the data directory writable?"};
  store->entries_ = std::move(entries);
  return store;
}

Outcome<void> TokenStore::load(std::string_view text) {
  const Complaint bad{data_, "/tokens.json cannot be understood; move it away and a new admin token will be made"};
  boost::system::error_code error;
  const auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return bad;
  const auto* tokens = value.get_object().if_contains("tokens");
  if (!tokens || !tokens->is_array()) return bad;
  for (const auto& each : tokens->get_array()) {
    const auto* object = each.if_object();
    if (!object) return bad;
    const auto* name = object->if_contains("name");
    const auto* role = object->if_contains("role");
    const auto* hash = object->if_contains("sha256");
    const auto* created = object->if_contains("created");
    if (!name || !name->is_string() || !role || !role->is_string() || !hash || !hash->is_string() || !created ||
        !created->is_int64())
      return bad;
    const auto parsed_role = parse_role(std::string_view(role->get_string().data(), role->get_string().size()));
    const auto digest = parse_digest(std::string_view(hash->get_string().data(), hash->get_string().size()));
    if (!parsed_role || !digest) return bad;
    entries_.push_back({{std::string(name->get_string()), *parsed_role,
                         WallClock::time_point(std::chrono::seconds(created->get_int64()))},
                        *digest});
  }
  return {};
}

bool TokenStore::save(const std::vector<Entry>& entries) const {
  boost::json::array tokens;
  for (const auto& entry : entries) {
    const auto created = std::chrono::duration_cast<std::chrono::seconds>(entry.info.created.time_since_epoch());
    tokens.push_back({{"name", entry.info.name},
                      {"role", word_of(entry.info.role)},
                      {"sha256", hex(entry.hash)},
                      {"created", created.count()}});
  }
  const boost::json::object file{{"tokens", std::move(tokens)}};
  return save_secret_file(data_ + "/tokens.json", boost::json::serialize(file) + '\n');
}

std::optional<TokenInfo> TokenStore::find(std::string_view token) const {
  const Sha256Digest hash = sha256(token);
  const std::lock_guard lock(mutex_);
  const Entry* found = nullptr;
  for (const auto& entry : entries_) {
    if (equal_in_constant_time(entry.hash, hash)) found = &entry;
  }
  return found ? std::optional(found->info) : std::nullopt;
}

std::vector<TokenInfo> TokenStore::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<TokenInfo> infos;
  for (const auto& entry : entries_) infos.push_back(entry.info);
  return infos;
}

boost::system::result<std::string, TokenStore::Fault> TokenStore::create(const std::string& name, Role role) {
  if (!good_name(name)) return Fault::bad_name;
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= most_tokens) return Fault::too_many;
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.info.name == name; }))
    return Fault::name_taken;
  const std::string token = fresh_token();
  auto entries = entries_;
  entries.push_back({{name, role, WallClock::now()}, sha256(token)});
  if (!save(entries)) return Fault::disk;
  entries_ = std::move(entries);
  return token;
}

boost::system::result<void, TokenStore::Fault> TokenStore::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto entries = entries_;
  if (std::erase_if(entries, [&](const Entry& entry) { return entry.info.name == name; }) == 0) return Fault::unknown;
  if (std::none_of(entries.begin(), entries.end(), [](const Entry& entry) { return entry.info.role == Role::admin; }))
    return Fault::last_admin;
  if (!save(entries)) return Fault::disk;
  entries_ = std::move(entries);
  return {};
}

std::string TokenStore::first_token() const {
  auto text = read_file(data_ + "/admin.token");
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return find(*text) ? *text : std::string();
}

const char* sentence(TokenStore::Fault fault) {
  switch (fault) {
    case TokenStore::Fault::name_taken:
      return "a token of this name exists; remove it first, or choose another name";
    case TokenStore::Fault::bad_name:
      return "a token's name is 1 to 64 of the characters a-z A-Z 0-9 . _ @ -";
    case TokenStore::Fault::unknown:
      return "there is no token of this name";
    case TokenStore::Fault::last_admin:
      return "this is the last admin token; make another first";
    case TokenStore::Fault::too_many:
      return "there are too many tokens; remove one first";
    case TokenStore::Fault::disk:
      return "the data directory cannot be written; nothing has changed";
  }
  return "";
}

}  // namespace sallyport
