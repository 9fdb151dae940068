#include "policy/program_loader.hpp"

#include <filesystem>

namespace sallyport {
namespace {

// Words for whoever trusts it too much.
constexpr std::string_view no_boundary =
    "exe narrows, and is no boundary: whoever can run a program can make it do their work, by its options, plug-ins or "
    "environment; of a script the program is its interpreter";

}  // namespace

std::vector<ExeFile> load_programs(const YamlNode& node, Action action, LoadContext& context) {
  std::vector<ExeFile> programs;
  for (const YamlNode* item : LoadContext::items(node)) {
    const auto path = context.text(*item, "the path of a program such as /usr/bin/git");
    if (!path) continue;
    if (path->front() != '/' || path->find('\0') != std::string::npos) {
      context.error(*item, "a program is named by its whole path: write /usr/bin/" + *path);
      continue;
    }
    const std::string plain = std::filesystem::path(*path).lexically_normal().string();
    context.watch(plain);
    programs.push_back(ExeFile{plain, context.identify(plain)});
    if (programs.back().identity) continue;
    context.note(*item, "there is no file " + plain + " here, so this " +
                            (action == Action::allow ? "allows nothing" : "matches only programs that are not known"));
  }
  if (node.kind == YamlNode::Kind::list && node.items.empty()) {
    context.error(node, "no program at all would match nothing: name programs, or leave the key out");
  }
  context.note(node, std::string(no_boundary));
  return programs;
}

}  // namespace sallyport
