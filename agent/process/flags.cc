#include "agent/process/flags.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <sstream>
#include <unistd.h>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"

namespace lockstep::process {
namespace {

constexpr char kDescription[] =
    "Starts a service only on a database schema that it can run on, and supervises it.";

constexpr char kFooter[] = R"(Examples:
  lockstep-agent run --service-file lockstep.yaml --chain-sum chain.sum -- ./server --port 8080
  lockstep-agent run --http 0 --ready-url http://127.0.0.1:8080/health -- ./server
  lockstep-agent run --migrate-database-file /run/secrets/migrator -- ./server

Every flag has a twin in the environment: --gate-timeout is LOCKSTEP_AGENT_GATE_TIMEOUT; --address is
LOCKSTEP_ADDRESS, separated by commas. LOCKSTEP_AGENT_MIGRATE_DATABASE* is not passed to COMMAND.
Signals are forwarded; SIGTERM, SIGINT and SIGQUIT also drain.
Exit code: that of COMMAND, 128+N when signal N ended it, and
  123  the gate refused this build for good
  124  the gate did not open within --gate-timeout
  125  the agent failed, or was called wrongly
  126  COMMAND cannot be executed
  127  COMMAND was not found
  143  SIGTERM while waiting at the gate (128+N for signal N); COMMAND was never started)";

constexpr int64_t kMaxSecretBytes = 64 << 10;

// Where a coordinator listens when nobody says.
const char* const kDefaultAddresses[] = {"unix:/run/lockstep/lockstep.sock", "127.0.0.1:7411"};

// Flags as they are written, before they are judged.
struct Raw {
  std::string migrate_database_file;
  std::string gate_timeout = "10m";
  int http = -1;
  std::string log_level = "info";
  std::string log_format = "auto";
};

std::string VariableOf(const std::string& flag) {
  std::string name = "LOCKSTEP_AGENT_" + flag.substr(2);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

void AddFlags(CLI::App& run, RunFlags& flags, Raw& raw) {
  const auto add = [&](const std::string& name, auto& target, const std::string& help) {
    return run.add_option(name, target, help)->envname(VariableOf(name));
  };
  add("--address", flags.agent.addresses,
      "HOST:PORT or unix:PATH of a coordinator; repeatable (default: the system's socket, then "
      "127.0.0.1:7411)")
      ->envname("LOCKSTEP_ADDRESS")
      ->delimiter(',');
  add("--service-file", flags.agent.service_file, "The service's lockstep.yaml");
  add("--chain-sum", flags.agent.chain_sum, "The chain.sum that the build was made with");
  add("--instance", flags.agent.instance, "Name of this instance (default: host name and pid)");
  add("--build", flags.agent.build, "Image or commit of the build");
  add("--migrate-database", flags.agent.migrate_database,
      "Connection to apply migrations on; without it this agent applies none");
  add("--migrate-database-file", raw.migrate_database_file,
      "File that holds the value of --migrate-database");
  run.add_flag("--allow-superuser", flags.agent.allow_superuser,
               "Apply migrations as a superuser; for development")
      ->envname(VariableOf("--allow-superuser"));
  add("--gate-timeout", raw.gate_timeout, "How long to wait for the gate, e.g. 90s; 0: for ever")
      ->capture_default_str();
  add("--http", raw.http, "Serve /gate, /livez and /readyz on 127.0.0.1 at this port; 0 picks one")
      ->check(CLI::Range(0, 65535));
  add("--ready-url", flags.ready_url,
      "http:// URL of COMMAND that answers 2xx once it serves (default: it serves at once)");
  add("--log-level", raw.log_level, "debug, info, warning, error or off")->capture_default_str();
  add("--log-format", raw.log_format, "auto, json or text")
      ->check(CLI::IsMember({"auto", "json", "text"}))
      ->capture_default_str();
}

// CLI11 does not know what follows "--".
class RunFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: lockstep-agent run [FLAGS] -- COMMAND [ARGUMENT...]\n";
  }
};

absl::Status Usage(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status ReadSecret(const Raw& raw, RunFlags& flags) {
  if (raw.migrate_database_file.empty()) return absl::OkStatus();
  if (!flags.agent.migrate_database.empty()) {
    return Usage("--migrate-database and --migrate-database-file exclude each other");
  }
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(raw.migrate_database_file, kMaxSecretBytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return Usage(absl::StrCat(raw.migrate_database_file, " is empty"));
  flags.agent.migrate_database = std::move(text);
  return absl::OkStatus();
}

absl::Status Finish(const Raw& raw, RunFlags& flags) {
  if (flags.command.empty()) return Usage("no command: write it after --");
  if (!absl::ParseDuration(raw.gate_timeout, &flags.gate_timeout) ||
      flags.gate_timeout < absl::ZeroDuration()) {
    return Usage(absl::StrCat("--gate-timeout: not a duration: ", raw.gate_timeout));
  }
  if (flags.gate_timeout == absl::ZeroDuration()) flags.gate_timeout = absl::InfiniteDuration();
  if (!base::ParseLogLevel(raw.log_level, &flags.log.level)) {
    return Usage(absl::StrCat("--log-level: not a level: ", raw.log_level));
  }
  if (!flags.ready_url.empty() && !absl::StartsWith(flags.ready_url, "http://")) {
    return Usage("--ready-url: only http:// URLs can be asked");
  }
  if (raw.http >= 0) flags.http_port = raw.http;
  if (raw.log_format == "json") flags.log.format = base::LogFormat::kJson;
  if (raw.log_format == "text") flags.log.format = base::LogFormat::kText;
  flags.log.program = "lockstep-agent";
  if (flags.agent.addresses.empty()) {
    flags.agent.addresses.assign(std::begin(kDefaultAddresses), std::end(kDefaultAddresses));
  }
  return ReadSecret(raw, flags);
}

ParsedFlags Failed(const std::string& message) {
  ParsedFlags parsed;
  parsed.exit_code = kExitAgentFailure;
  parsed.text = absl::StrCat("error: ", message,
                             "\n  hint: lockstep-agent run --help shows flags and examples\n");
  return parsed;
}

ParsedFlags Parse(CLI::App& app, std::vector<std::string> arguments) {
  ParsedFlags parsed;
  std::reverse(arguments.begin(), arguments.end());  // What CLI11 expects of a vector.
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) return Failed(e.what());
    std::ostringstream out;
    parsed.exit_code = app.exit(e, out, out);
    parsed.text = out.str();
  }
  return parsed;
}

}  // namespace

ParsedFlags ParseFlags(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  RunFlags flags;
  Raw raw;
  if (dashes != arguments.end()) flags.command.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());

  CLI::App app(kDescription, "lockstep-agent");
  app.set_version_flag("--version", absl::StrCat("lockstep-agent ", LOCKSTEP_VERSION));
  app.require_subcommand(1);
  app.footer(kFooter);
  CLI::App* const run = app.add_subcommand("run", "Wait for the gate, then run COMMAND");
  run->formatter(std::make_shared<RunFormatter>());
  run->footer(kFooter);
  AddFlags(*run, flags, raw);
  ParsedFlags parsed = Parse(app, std::move(arguments));
  if (parsed.exit_code.has_value()) return parsed;
  if (const absl::Status status = Finish(raw, flags); !status.ok()) {
    return Failed(std::string(status.message()));
  }
  parsed.flags = std::move(flags);
  return parsed;
}

void WipeSecrets(int argc, char** argv) {
  constexpr absl::string_view kFlag = "--migrate-database";
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; ++i) {
    if (kFlag == argv[i] && i + 1 < argc) {
      memset(argv[i + 1], 'x', strlen(argv[i + 1]));
    } else if (absl::StartsWith(argv[i], absl::StrCat(kFlag, "="))) {
      char* const value = argv[i] + kFlag.size() + 1;
      memset(value, 'x', strlen(value));
    }
  }
  if (char* const value = getenv(kSecretVariable); value != nullptr) {
    memset(value, 'x', strlen(value));
  }
}

}  // namespace lockstep::process
