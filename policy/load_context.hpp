// What the loaders of policy.yaml share: where complaints go, which files were read.
#pragma once
#include "policy/injection.hpp"
#include "policy/name_set.hpp"
#include "policy/program.hpp"
#include "policy/result.hpp"
#include "policy/sha256.hpp"
#include "policy/yaml.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

class LoadContext {
 public:
  // `file` stands in complaints; relative files are looked for in `directory`.
  LoadContext(std::string file, std::string directory, FileIdentifier identify)
      : file_(std::move(file)), directory_(std::move(directory)), identify_(std::move(identify)) {}

  void error(const YamlNode& at, const std::string& text) { add_error(complain(file_, at, text)); }
  void add_error(Complaint complaint);
  void warn(const YamlNode& at, const std::string& text) { warnings.push_back(complain(file_, at, text)); }
  void note(const YamlNode& at, const std::string& text) { notes.push_back(complain(file_, at, text)); }

  // Complains of every key that is not `known`, with the nearest; false where `map` is no map at all.
  bool check_keys(const YamlNode& map, const std::string& what, const std::vector<std::string_view>& known);
  // A word or a number as text; complains of everything else with "expected …".
  std::optional<std::string> text(const YamlNode& node, const std::string& expected);
  std::optional<bool> boolean(const YamlNode& node);
  std::optional<std::uint64_t> number(const YamlNode& node, std::uint64_t min, std::uint64_t max);
  // A list's items, or the one scalar that stands for a list of one.
  static std::vector<const YamlNode*> items(const YamlNode& node);

  // ", did you mean "x"?" or nothing.
  static std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

  std::string full_path(const std::string& path) const;
  // "policy.yaml:12", as records name a rule.
  std::string where(const YamlNode& at) const;
  void watch(const std::string& path);
  // Where this id was first given to a rule; nullopt: here.
  std::optional<std::string> other_rule_with_id(const std::string& id, const std::string& here);
  // A list file, read once; null after a complaint.
  std::shared_ptr<const NameSet> list(const YamlNode& at, const std::string& path, NameListUse use);

  // The secret of this name, and it is used now; null: there is none.
  const SecretSource* use_secret(const std::string& name);
  bool is_secret_used(const std::string& name) const { return used_secrets_.contains(name); }

  // What a program's path is now; nullopt: there is no such file.
  std::optional<FileIdentity> identify(const std::string& path) const { return identify_(path); }

  const std::string& file() const { return file_; }
  bool failed() const { return !errors_.empty(); }
  std::vector<Complaint> take_errors() { return std::move(errors_); }

  std::vector<Complaint> warnings, notes;
  std::vector<std::string> files;
  std::vector<SecretSource> secrets;  // read before the rules that name them
  Sha256 hash;

 private:
  std::string file_, directory_;
  FileIdentifier identify_;
  std::vector<Complaint> errors_;
  std::set<std::string> said_, used_secrets_;
  std::map<std::string, std::string> bytes_, ids_;
  std::map<std::pair<std::string, NameListUse>, std::shared_ptr<const NameSet>> lists_;
};

}  // namespace sallyport
