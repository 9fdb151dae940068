#include "proxy/gateway/apply.hpp"

#include "proxy/gateway/local_routes.hpp"

#include <nftables/libnftables.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <unistd.h>
#include <utility>
#include <vector>

namespace sallyport {
namespace {

// Sleeping copies of the plan have this name and a process id.
constexpr const char* copies = "sallyport_expected_";

using Context = std::unique_ptr<nft_ctx, void (*)(nft_ctx*)>;

std::string first_lines(const char* text) {
  std::istringstream lines(text == nullptr ? "" : text);
  std::string out;
  std::string line;
  for (int count = 0; count < 3 && std::getline(lines, line); ++count) out += (out.empty() ? "" : " / ") + line;
  return out;
}

enum class Effect { none, real };

// One transaction; the answer is what the commands printed.
Outcome<std::string> run(const std::string& commands, Effect effect = Effect::real) {
  const Context context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context) return Complaint{"libnftables can't be started: is there memory, and nf_tables in the kernel?"};
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_PRIO);
  nft_ctx_set_dry_run(context.get(), effect == Effect::none);
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0) {
    return Complaint{first_lines(nft_ctx_get_error_buffer(context.get()))};
  }
  const char* output = nft_ctx_get_output_buffer(context.get());
  return std::string(output == nullptr ? "" : output);
}

Complaint about(const std::string& what, const Complaint& why) {
  return Complaint{what + ": " + why.text};
}

// `list tables` rather than `list table` so that "there is none" and "can't look" are told apart.
Outcome<std::vector<std::string>> list_tables() {
  const auto listed = run("list tables inet\n");
  if (!listed) return about("the nftables tables can't be listed (CAP_NET_ADMIN is needed)", listed.error());
  const std::string head = "table inet ";
  std::vector<std::string> names;
  std::istringstream lines(*listed);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(head)) names.push_back(line.substr(head.size()));
  }
  return names;
}

Outcome<void> remove_table(const std::string& table) {
  const auto removed = run("table inet " + table + "\ndelete table inet " + table + "\n");
  if (!removed) return about("the table inet " + table + " can't be removed", removed.error());
  return {};
}

std::string trimmed(const std::string& line) {
  const auto start = line.find_first_not_of(" \t");
  return start == std::string::npos ? "" : line.substr(start);
}

// The first line in which the two differ, in words.
std::string difference(const std::string& expected, const std::string& found) {
  std::istringstream left(expected);
  std::istringstream right(found);
  std::string wanted;
  std::string present;
  std::string chain;
  while (true) {
    const bool more_wanted = static_cast<bool>(std::getline(left, wanted));
    const bool more_present = static_cast<bool>(std::getline(right, present));
    if (!more_wanted && !more_present) return "the listing differs";
    if (!more_wanted) return "there is '" + trimmed(present) + "' too much";
    if (!more_present) return "'" + trimmed(wanted) + "' is missing";
    if (wanted != present) {
      return "in '" + chain + "', '" + trimmed(present) + "' stands where '" + trimmed(wanted) + "' should";
    }
    if (wanted.ends_with("{")) chain = trimmed(wanted.substr(0, wanted.size() - 1));
  }
}

}  // namespace

Outcome<void> Gateway::try_out() const {
  if (const auto checked = check_plan(plan_); !checked) return checked.error();
  const auto tried = run(ruleset(plan_), Effect::none);
  if (!tried) return about("the kernel would refuse the gateway rules", tried.error());
  return {};
}

Outcome<void> Gateway::apply() {
  if (const auto checked = check_plan(plan_); !checked) return checked.error();
  // Rules first: they close, and a marked packet without a route is refused on its way.
  const auto applied = run(ruleset(plan_));
  if (!applied) return about("the gateway rules can't be applied", applied.error());
  return plan_.steering == Steering::tproxy ? add_local_routes(plan_.mark) : remove_local_routes();
}

// The kernel's own wording of the plan, from a sleeping copy: comparing our text would depend on nft's taste.
Outcome<void> Gateway::learn_expected() {
  if (!expected_.empty()) return {};
  if (const auto checked = check_plan(plan_); !checked) return checked.error();
  const std::string copy = copies + std::to_string(::getpid());
  if (const auto made = run(dormant_ruleset(plan_, copy)); !made) {
    return about("the gateway rules can't be looked at", made.error());
  }
  const auto listed = run("list table inet " + copy + "\n");
  if (auto removed = remove_table(copy); !removed) return removed;
  if (!listed) return about("the gateway rules can't be looked at", listed.error());
  const std::string head = "table inet " + copy + " {\n\tflags dormant\n";
  if (!listed->starts_with(head)) return Complaint{"nftables shows tables in an unknown form"};
  std::string rest = listed->substr(head.size());
  if (rest.starts_with("\n")) rest.erase(0, 1);
  expected_ = "table inet " + std::string(gateway_table) + " {\n" + rest;
  return {};
}

Outcome<void> Gateway::installed() {
  if (auto learned = learn_expected(); !learned) return learned;
  const auto tables = list_tables();
  if (!tables) return tables.error();
  if (std::find(tables->begin(), tables->end(), gateway_table) == tables->end())
    return Complaint{"the table inet " + std::string(gateway_table) + " is missing"};
  const auto listed = run("list table inet " + std::string(gateway_table) + "\n");
  if (!listed) return about("the gateway rules can't be listed", listed.error());
  if (*listed != expected_) return Complaint{"the gateway rules are not as applied: " + difference(expected_, *listed)};
  if (plan_.steering == Steering::tproxy) return check_local_routes(plan_.mark);
  return {};
}

Outcome<void> remove_gateway() {
  const auto tables = list_tables();
  if (!tables) return tables.error();
  for (const std::string& name : *tables) {
    // A copy stays behind where the process was killed while it looked.
    if (name != gateway_table && !name.starts_with(copies)) continue;
    if (auto removed = remove_table(name); !removed) return removed;
  }
  return remove_local_routes();
}

}  // namespace sallyport
