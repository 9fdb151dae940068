#include "proxy/inject/inject.hpp"

#include "proxy/inject/base64.hpp"
#include "proxy/inject/placeholder.hpp"
#include "proxy/inject/query.hpp"

#include <algorithm>

namespace sallyport {
namespace {

// A head's other parts are small beside this.
constexpr std::size_t max_placeholders = 64;

class Injecting {
 public:
  Injecting(wire::Fields& fields, std::optional<std::string>& query, const SecretValues& secrets)
      : fields_(fields), query_(query), secrets_(secrets) {}

  // False: the secret that `missing()` names has no value.
  bool add(const Injection& injection) {
    for (const std::string& name : injection.secrets()) {
      if (!use(name)) return false;
    }
    switch (injection.kind) {
      case Injection::Kind::header:
        set_field(injection.name, text_of(injection.value));
        break;
      case Injection::Kind::basic:
        set_field("Authorization", "Basic " + to_base64(text_of(injection.user) + ":" + text_of(injection.value)));
        break;
      case Injection::Kind::query:
        set_parameter(injection.name, text_of(injection.value));
        break;
      case Injection::Kind::placeholder:
        break;
    }
    return true;
  }

  // In what the agent wrote. False: too many.
  bool replace() {
    const FindSecret find = [this](std::string_view name) -> std::optional<std::string_view> {
      const UsedSecret* secret = used(name);
      return secret != nullptr ? std::optional(secret->value->text()) : std::nullopt;
    };
    std::size_t count = 0;
    for (wire::Field& field : fields_) {
      if (is_framing_field(field.name) || is_set(field.name)) continue;
      count += replace_in_field(field.name, field.value, find);
      if (count > max_placeholders) return false;
    }
    return true;
  }

  const std::string& missing() const { return missing_; }
  const std::vector<std::string>& set_names() const { return set_; }
  const std::vector<UsedSecret>& all_used() const { return used_; }
  std::vector<UsedSecret> take_used() { return std::move(used_); }

 private:
  const UsedSecret* used(std::string_view name) const {
    const auto found =
        std::find_if(used_.begin(), used_.end(), [&](const UsedSecret& one) { return one.name == name; });
    return found == used_.end() ? nullptr : &*found;
  }

  bool use(const std::string& name) {
    if (used(name) != nullptr) return true;
    auto value = secrets_.find(name);
    if (value == nullptr) {
      missing_ = name;
      return false;
    }
    used_.push_back({name, std::move(value)});
    return true;
  }

  std::string text_of(const SecretText& text) const {
    std::string result;
    for (const SecretText::Piece& piece : text.pieces) {
      result += piece.kind == SecretText::Kind::plain ? piece.text : used(piece.text)->value->text();
    }
    return result;
  }

  bool is_set(std::string_view name) const {
    return std::any_of(set_.begin(), set_.end(),
                       [&](const std::string& one) { return wire::equals_ignoring_case(one, name); });
  }

  void set_field(const std::string& name, std::string value) {
    if (is_set(name)) return;
    set_.push_back(name);
    const auto same = [&](const wire::Field& field) { return wire::equals_ignoring_case(field.name, name); };
    fields_.erase(std::remove_if(fields_.begin(), fields_.end(), same), fields_.end());
    fields_.push_back({name, std::move(value)});
  }

  void set_parameter(const std::string& name, const std::string& value) {
    if (std::find(parameters_.begin(), parameters_.end(), name) != parameters_.end()) return;
    parameters_.push_back(name);
    query_ = with_parameter(query_.value_or(""), name, value);
  }

  wire::Fields& fields_;
  std::optional<std::string>& query_;
  const SecretValues& secrets_;
  std::vector<UsedSecret> used_;
  std::vector<std::string> set_, parameters_;
  std::string missing_;
};

OwnWords words_of(const wire::Fields& fields, const std::optional<std::string>& query) {
  OwnWords own;
  if (query) own.add(*query);
  for (const wire::Field& field : fields) {
    own.add(field.name);
    own.add(field.value);
  }
  return own;
}

}  // namespace

boost::system::result<Reflection, InjectRefusal> inject(std::string_view method, wire::Fields& fields,
                                                        std::optional<std::string>& query,
                                                        std::span<const std::shared_ptr<const Injection>> injections,
                                                        const SecretValues& secrets) {
  if (injections.empty()) return Reflection();
  if (wire::equals_ignoring_case(method, "TRACE") || wire::equals_ignoring_case(method, "TRACK")) {
    return InjectRefusal{InjectFault::trace, std::string(method) + " would send back what " + injections.front()->rule +
                                                 " injects, so it is refused"};
  }
  OwnWords own = words_of(fields, query);
  Injecting injecting(fields, query, secrets);
  for (const auto& injection : injections) {
    if (injecting.add(*injection)) continue;
    return InjectRefusal{InjectFault::no_value,
                         "the secret \"" + injecting.missing() + "\", which " + injection->rule +
                             " injects, has no value now; whoever runs Sallyport can give it one"};
  }
  for (const UsedSecret& secret : injecting.all_used()) {
    if (!secret.value->is_guessed_at()) continue;
    return InjectRefusal{
        InjectFault::guessed,
        "the secret \"" + secret.name + "\" is given to nobody any more: answers gave back many " +
            "different parts of it, as they do where it is guessed; whoever runs Sallyport can replace it"};
  }
  if (!injecting.replace()) {
    return InjectRefusal{InjectFault::too_large, "the request has more than 64 placeholders of secrets"};
  }
  return Reflection(injecting.take_used(), std::move(own));
}

boost::system::result<Reflection, InjectRefusal> inject(wire::RequestHead& head,
                                                        std::span<const std::shared_ptr<const Injection>> injections,
                                                        const SecretValues& secrets) {
  // Else whoever names Authorization in Connection has it left out.
  const auto injected = [&](const std::string& option) {
    return std::any_of(injections.begin(), injections.end(), [&](const auto& one) {
      const bool basic = one->kind == Injection::Kind::basic;
      return wire::equals_ignoring_case(option,
                                        basic ? std::string_view("authorization") : std::string_view(one->name));
    });
  };
  auto& options = head.connection;
  options.erase(std::remove_if(options.begin(), options.end(), injected), options.end());
  auto used = inject(head.method, head.fields, head.target.query, injections, secrets);
  if (used) used->add_own(head.raw_target);
  return used;
}

}  // namespace sallyport
