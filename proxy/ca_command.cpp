#include "proxy/ca_command.hpp"

#include "certs/first_authority.hpp"
#include "certs/guarded_file.hpp"
#include "proxy/ca_advice.hpp"
#include "proxy/config.hpp"
#include "proxy/output_file.hpp"
#include "telemetry/safe_text.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <unistd.h>

namespace sallyport {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string config, output, program;
  bool json = false, bundle = false;
};

int fail(const std::string& why) {
  std::cerr << "sallyport ca: " << why << '\n';
  return 1;
}

// The daemon makes the same folder; whoever comes first.
Outcome<void> make_data(const std::string& data) {
  std::error_code error;
  if (fs::is_directory(data, error)) return {};
  if (::geteuid() == 0) {
    return Complaint{in_quotes(data), " is not there yet: `sallyport serve` makes it, and gives it to whom it becomes"};
  }
  fs::create_directories(fs::path(data).parent_path(), error);
  if (::mkdir(data.c_str(), 0700) != 0 && !fs::is_directory(data, error)) {
    return Complaint{"can't make ", in_quotes(data), "; name another `data:`"};
  }
  return {};
}

struct Opened {
  std::shared_ptr<const Authority> authority;
  bool own = true, made = false;
};

Outcome<Opened> open_authority(const Options& options) {
  Config config = Config::embedded();
  if (!options.config.empty()) {
    auto loaded = load_config(options.config);
    if (!loaded) return loaded.error().front();
    config = std::move(*loaded);
  }
  const auto now = std::chrono::system_clock::now();
  if (!config.inspect.ca_cert.empty()) {
    auto given = Authority::load({config.inspect.ca_cert, config.inspect.ca_key}, AuthorityOwner::operator_, now);
    if (!given) return given.error();
    return Opened{std::move(*given), false, false};
  }
  const auto data = make_data(config.data);
  if (!data) return data.error();
  auto first = open_first_authority(config.data, now);
  if (!first) return first.error();
  return Opened{std::move(first->authority), true, first->made};
}

void print_json(const Opened& opened) {
  const Authority& authority = *opened.authority;
  const boost::json::object told{{"subject", authority.subject()},
                                 {"fingerprint_sha256", authority.fingerprint_sha256()},
                                 {"not_before", time_text(authority.not_before())},
                                 {"not_after", time_text(authority.not_after())},
                                 {"file", authority.files().cert},
                                 {"own", opened.own},
                                 {"made", opened.made}};
  std::cout << boost::json::serialize(told) << '\n';
}

int show(const Options& options) {
  const auto opened = open_authority(options);
  if (!opened) return fail(opened.error().text);
  if (options.json) {
    print_json(*opened);
    return 0;
  }
  const Authority& authority = *opened->authority;
  std::cout << "subject      " << fit_for_terminal(authority.subject()) << "\nfingerprint  "
            << authority.fingerprint_sha256() << " (SHA-256)\nvalid        " << time_text(authority.not_before())
            << " to " << time_text(authority.not_after()) << "\nfile         " << shown(authority.files().cert)
            << (opened->own ? "" : " (your own CA, from `inspect: ca:`)") << (opened->made ? " (made now)" : "")
            << '\n';
  std::cout
      << "Whoever trusts it lets Sallyport look into TLS where a rule needs that. Its key stays here; `sallyport ca "
         "export` gives the certificate.\n";
  return 0;
}

Outcome<std::string> text_to_export(const Authority& authority, CaFile file) {
  if (file == CaFile::authority) return authority.pem();
  const auto path = system_bundle();
  if (!path) {
    return Complaint{
        "this system has no bundle of CAs to add to: install ca-certificates, or name one with SSL_CERT_FILE"};
  }
  auto roots = read_guarded(*path, {0, Links::followed});
  if (!roots) return roots.error();
  if (!roots->empty() && roots->back() != '\n') *roots += '\n';
  return *roots + authority.pem();
}

// Everybody may read it: that is what it is for.
Outcome<void> write(const std::string& path, const std::string& text) {
  const auto out = open_output(path);
  if (!out) return out.error();
  **out << text << std::flush;
  if (!**out || ::chmod(path.c_str(), 0644) != 0) return Complaint{"can't write ", in_quotes(path)};
  return {};
}

int export_authority(const Options& options) {
  const auto opened = open_authority(options);
  if (!opened) return fail(opened.error().text);
  const std::string path = options.output.empty() ? "FILE" : fs::absolute(options.output).string();
  const auto advice = options.program.empty() ? std::nullopt : ca_advice(options.program, path);
  const bool bundle = options.bundle || (advice && advice->file == CaFile::bundle);
  const auto text = text_to_export(*opened->authority, bundle ? CaFile::bundle : CaFile::authority);
  if (!text) return fail(text.error().text);
  if (options.output.empty()) {
    std::cout << *text << std::flush;
    if (!std::cout) return fail("can't write it out");
  } else if (const auto written = write(options.output, *text); !written) {
    return fail(written.error().text);
  }
  // Beside the certificate, not within it.
  if (advice) (options.output.empty() ? std::cerr : std::cout) << fit_for_terminal(advice->text);
  return 0;
}

}  // namespace

void add_ca_command(CLI::App& application, int& exit_status) {
  auto* command = application.add_subcommand("ca", "The CA that inspected connections are signed by");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();
  auto* showing = command->add_subcommand("show", "What it is and where; made at first use");
  auto* exporting = command->add_subcommand("export", "Its certificate, for those who are to trust it");
  for (auto* each : {showing, exporting}) {
    each->add_option("-c,--config", options->config, "sallyport.yaml of the daemon (default: as `serve` without one)");
  }
  showing->add_flag("--json", options->json, "one JSON object");
  showing->footer("Example: sallyport ca show -c /etc/sallyport/sallyport.yaml");
  showing->callback([options, &exit_status] { exit_status = show(*options); });
  exporting->add_option("-o,--output", options->output, "into this file, which must not be there yet");
  exporting->add_flag("--bundle", options->bundle, "together with the CAs that this system trusts");
  exporting->add_option("--for", options->program, "with what to tell that program, and in the form it needs")
      ->check(CLI::IsMember(ca_advice_names()));
  exporting->footer("Example: sallyport ca export --for git -o /usr/local/share/sallyport-bundle.pem");
  exporting->callback([options, &exit_status] { exit_status = export_authority(*options); });
}

}  // namespace sallyport
