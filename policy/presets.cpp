#include "policy/presets.hpp"

#include <array>

namespace sallyport {
namespace {

using namespace std::string_view_literals;

constexpr std::array npm{"registry.npmjs.org"sv, "npm.pkg.github.com"sv, "registry.yarnpkg.com"sv, "nodejs.org"sv};
constexpr std::array pypi{"pypi.org"sv, "files.pythonhosted.org"sv};
constexpr std::array crates{"crates.io"sv, "index.crates.io"sv, "static.crates.io"sv, "static.rust-lang.org"sv};
constexpr std::array go{"proxy.golang.org"sv, "sum.golang.org"sv, "go.dev"sv, "dl.google.com"sv};
constexpr std::array debian{"deb.debian.org"sv, "security.debian.org"sv, "ftp.debian.org"sv, "snapshot.debian.org"sv};
constexpr std::array ubuntu{"archive.ubuntu.com"sv, "*.archive.ubuntu.com"sv, "security.ubuntu.com"sv,
                            "ports.ubuntu.com"sv, "ppa.launchpadcontent.net"sv};
// What a clone, a release or a raw file needs; pages of users (github.io) are not among it.
constexpr std::array github{"github.com"sv,         "api.github.com"sv, "codeload.github.com"sv,
                            "uploads.github.com"sv, "ghcr.io"sv,        "*.githubusercontent.com"sv};
constexpr std::array gitlab{"gitlab.com"sv, "registry.gitlab.com"sv, "packages.gitlab.com"sv};
constexpr std::array docker{"registry-1.docker.io"sv,
                            "auth.docker.io"sv,
                            "index.docker.io"sv,
                            "hub.docker.com"sv,
                            "production.cloudflare.docker.com"sv,
                            "docker-images-prod.r2.cloudflarestorage.com"sv};
constexpr std::array openai{"api.openai.com"sv};
constexpr std::array anthropic{"api.anthropic.com"sv};
constexpr std::array huggingface{"huggingface.co"sv,         "hf.co"sv,         "**.xethub.hf.co"sv,
                                 "cdn-lfs.huggingface.co"sv, "cdn-lfs.hf.co"sv, "cdn-lfs-us-1.hf.co"sv,
                                 "cdn-lfs-eu-1.hf.co"sv};
constexpr std::array maven{"repo.maven.apache.org"sv, "repo1.maven.org"sv, "central.sonatype.com"sv,
                           "plugins.gradle.org"sv, "services.gradle.org"sv};
constexpr std::array rubygems{"rubygems.org"sv, "index.rubygems.org"sv};

struct Preset {
  std::string_view name;
  std::span<const std::string_view> patterns;
};
constexpr std::array presets{
    Preset{"npm", npm},       Preset{"pypi", pypi},           Preset{"crates", crates},
    Preset{"go", go},         Preset{"debian", debian},       Preset{"ubuntu", ubuntu},
    Preset{"github", github}, Preset{"gitlab", gitlab},       Preset{"docker", docker},
    Preset{"openai", openai}, Preset{"anthropic", anthropic}, Preset{"huggingface", huggingface},
    Preset{"maven", maven},   Preset{"rubygems", rubygems}};

}  // namespace

std::span<const std::string_view> preset(std::string_view name) {
  for (const Preset& candidate : presets) {
    if (candidate.name == name) return candidate.patterns;
  }
  return {};
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const Preset& candidate : presets) names.push_back(candidate.name);
  return names;
}

}  // namespace sallyport
