#include "agent/process/flags.h"

#include <algorithm>
#include <cctype>
#include <csignal>
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

constexpr char kRunExamples[] = R"(Examples:
  lockstep-agent run --service-file lockstep.yaml --chain-sum chain.sum -- ./server --port 8080
  lockstep-agent run --http 0 --ready-url http://127.0.0.1:8080/health -- ./server
  lockstep-agent run --migrate-database-file /run/secrets/migrator -- ./server

Every flag has a twin in the environment: --gate-timeout is LOCKSTEP_AGENT_GATE_TIMEOUT; --address is
LOCKSTEP_ADDRESS, separated by commas. LOCKSTEP_AGENT_MIGRATE_DATABASE* and LOCKSTEP_AGENT_DATABASE*
are not passed to COMMAND.
Signals are forwarded; SIGTERM, SIGINT and SIGQUIT also drain.
Exit code: that of COMMAND, 128+N when signal N ended it, and
  123  the gate refused this build for good
  124  the gate did not open within --gate-timeout
  125  the agent failed, or was called wrongly
  126  COMMAND cannot be executed
  127  COMMAND was not found
  143  SIGTERM while waiting at the gate (128+N for signal N); COMMAND was never started)";

constexpr char kWaitExamples[] = R"(Examples:
  lockstep-agent wait --service-file lockstep.yaml --chain-sum chain.sum --gate-timeout 5m
  lockstep-agent wait --reserve --instance "$POD_NAME" --service-file lockstep.yaml --chain-sum chain.sum

For an init container: the service that starts afterwards needs an agent of its own (the library,
`run` or `sidecar`) to count while it runs. With --reserve no contract that concerns it is granted
before that agent, under the same --instance, is there, or --reserve-for is over.
With --database it asks the database itself while no coordinator answers.

Exit code:
    0  the gate is open: this build may serve
  123  the gate refused this build for good
  124  the gate did not open within --gate-timeout
  125  the agent failed, or was called wrongly
  143  SIGTERM while waiting (128+N for signal N))";

constexpr char kSidecarExamples[] = R"(Examples:
  lockstep-agent sidecar --http 8099 --ready-url http://127.0.0.1:8080/health \
    --service-file lockstep.yaml --chain-sum chain.sum --instance "$POD_NAME"
  until curl -sf http://127.0.0.1:8099/gate; do sleep 1; done; exec ./server    # beside it

Answers on 127.0.0.1: /gate (200 open, 503 not yet, 409 refused for good), /readyz (200 while the
gate is open and --ready-url answers 2xx), /livez (always 200). With --grpc-health also grpc.health.v1
for the services "gate", "readiness" (as "") and "liveness". Holds the session of the service that
runs beside it; a gate that refuses does not end it.
On SIGTERM, SIGINT or SIGQUIT the session drains: it counts until --ready-url is answered by nobody,
at most for --drain-timeout, and without --ready-url that long. A second signal ends it at once.

Exit code: 0 after a signal, 125 when the agent failed, or was called wrongly)";

constexpr char kFooter[] = R"(Examples:
  lockstep-agent run --service-file lockstep.yaml --chain-sum chain.sum -- ./server --port 8080
  lockstep-agent wait --reserve --instance "$POD_NAME" --service-file lockstep.yaml --chain-sum chain.sum
  lockstep-agent sidecar --http 8099 --service-file lockstep.yaml --chain-sum chain.sum

`lockstep-agent VERB --help` tells the flags and exit codes of each.)";

constexpr int64_t kMaxSecretBytes = 64 << 10;
constexpr absl::Duration kMaxReserve = absl::Hours(1);

// Where a coordinator listens when nobody says.
const char* const kDefaultAddresses[] = {"unix:/run/lockstep/lockstep.sock", "127.0.0.1:7411"};

// Flags as they are written, before they are judged.
struct Raw {
  std::string migrate_database_file;
  std::string database_file;
  std::string direct_after = "15s";
  std::string schema_signal;
  std::string gate_timeout = "10m";
  bool reserve = false;
  std::string reserve_for = "2m";
  std::string drain_timeout = "25s";
  std::string http;
  std::string grpc_health;
  std::string log_level = "info";
  std::string log_format = "auto";
};

std::string VariableOf(const std::string& flag) {
  std::string name = "LOCKSTEP_AGENT_" + flag.substr(2);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

// Adds flags with their twins in the environment.
class Adder {
 public:
  Adder(CLI::App& app, Flags& flags, Raw& raw) : app_(app), flags_(flags), raw_(raw) {}

  // What every verb needs.
  void Common() {
    Add("--address", flags_.agent.addresses,
        "HOST:PORT or unix:PATH of a coordinator; repeatable (default: the system's socket, then "
        "127.0.0.1:7411)")
        ->envname("LOCKSTEP_ADDRESS")
        ->delimiter(',');
    Add("--service-file", flags_.agent.service_file, "The service's lockstep.yaml");
    Add("--chain-sum", flags_.agent.chain_sum, "The chain.sum that the build was made with");
    Add("--instance", flags_.agent.instance, "Name of this instance (default: host name and pid)");
    Add("--build", flags_.agent.build, "Image or commit of the build");
    Add("--database", flags_.agent.database,
        "Connection on which the database itself is asked while no coordinator answers (default: "
        "that of --migrate-database)");
    Add("--database-file", raw_.database_file, "File that holds the value of --database");
    Add("--direct-after", raw_.direct_after, "How long no coordinator may answer before that")
        ->capture_default_str();
    Add("--log-level", raw_.log_level, "debug, info, warning, error or off")->capture_default_str();
    Add("--log-format", raw_.log_format, "auto, json or text")
        ->check(CLI::IsMember({"auto", "json", "text"}))
        ->capture_default_str();
  }
  void Migrate() {
    Add("--migrate-database", flags_.agent.migrate_database,
        "Connection to apply migrations on; without it this agent applies none");
    Add("--migrate-database-file", raw_.migrate_database_file,
        "File that holds the value of --migrate-database");
    Switch("--allow-superuser", flags_.agent.allow_superuser,
           "Apply migrations as a superuser; for development");
  }
  void GateTimeout() {
    Add("--gate-timeout", raw_.gate_timeout, "How long to wait for the gate, e.g. 90s; 0: for ever")
        ->capture_default_str();
  }
  void Probes() {
    Add("--http", raw_.http,
        "Serve /gate, /livez and /readyz at PORT on 127.0.0.1, or at HOST:PORT; port 0 picks one");
    Add("--grpc-health", raw_.grpc_health,
        "Serve grpc.health.v1 at PORT on 127.0.0.1, or at HOST:PORT; port 0 picks one");
  }
  void SchemaSignal() {
    Add("--schema-change-signal", raw_.schema_signal,
        "What COMMAND is sent when migrations were applied while it runs: HUP, USR1, USR2 or WINCH")
        ->check(CLI::IsMember({"HUP", "USR1", "USR2", "WINCH"}));
  }
  void ReadyUrl(const std::string& help) { Add("--ready-url", flags_.ready_url, help); }
  void Reserve() {
    Switch("--reserve", raw_.reserve, "Keep the place of --instance until its own agent is there");
    Add("--reserve-for", raw_.reserve_for, "At most this long, up to 1h")->capture_default_str();
  }
  void DrainTimeout() {
    Add("--drain-timeout", raw_.drain_timeout,
        "How long the session counts after SIGTERM at most; 0: no limit")
        ->capture_default_str();
  }

 private:
  template <typename Target>
  CLI::Option* Add(const std::string& name, Target& target, const std::string& help) {
    return app_.add_option(name, target, help)->envname(VariableOf(name));
  }
  void Switch(const std::string& name, bool& target, const std::string& help) {
    app_.add_flag(name, target, help)->envname(VariableOf(name));
  }

  CLI::App& app_;
  Flags& flags_;
  Raw& raw_;
};

// CLI11 does not know what follows "--".
class RunFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: lockstep-agent run [FLAGS] -- COMMAND [ARGUMENT...]\n";
  }
};

// Adds the verbs, and flags to the one that is `asked` for: the variables in the environment of
// another verb's flags are not this one's.
void AddVerbs(CLI::App& app, const std::string& asked, Flags& flags, Raw& raw) {
  CLI::App* const run = app.add_subcommand("run", "Wait for the gate, then run COMMAND");
  run->formatter(std::make_shared<RunFormatter>());
  run->footer(kRunExamples);
  CLI::App* const wait =
      app.add_subcommand("wait", "Wait for the gate, then exit: for an init container");
  wait->footer(kWaitExamples);
  CLI::App* const sidecar = app.add_subcommand(
      "sidecar", "Answer probes and hold the session beside a container that runs the service");
  sidecar->footer(kSidecarExamples);
  if (asked == "run") {
    flags.verb = Verb::kRun;
    Adder adder(*run, flags, raw);
    adder.Common();
    adder.Migrate();
    adder.GateTimeout();
    adder.Probes();
    adder.ReadyUrl(
        "http:// URL of COMMAND that answers 2xx once it serves (default: it serves at once)");
    adder.SchemaSignal();
  } else if (asked == "wait") {
    flags.verb = Verb::kWait;
    Adder adder(*wait, flags, raw);
    adder.Common();
    adder.GateTimeout();
    adder.Reserve();
  } else if (asked == "sidecar") {
    flags.verb = Verb::kSidecar;
    Adder adder(*sidecar, flags, raw);
    adder.Common();
    adder.Migrate();
    adder.Probes();
    adder.ReadyUrl(
        "http:// URL of the service that answers 2xx while it serves (default: with an open gate)");
    adder.DrainTimeout();
  }
}

absl::Status Usage(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status ReadSecret(absl::string_view flag, const std::string& file, std::string& value) {
  if (file.empty()) return absl::OkStatus();
  if (!value.empty()) return Usage(absl::StrCat(flag, " and ", flag, "-file exclude each other"));
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(file, kMaxSecretBytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return Usage(absl::StrCat(file, " is empty"));
  value = std::move(text);
  return absl::OkStatus();
}

absl::Status ReadSecrets(const Raw& raw, Flags& flags) {
  RETURN_IF_ERROR(
      ReadSecret("--migrate-database", raw.migrate_database_file, flags.agent.migrate_database));
  return ReadSecret("--database", raw.database_file, flags.agent.database);
}

absl::Status ReadDirectAfter(const Raw& raw, Flags& flags) {
  if (absl::ParseDuration(raw.direct_after, &flags.agent.direct_after) &&
      flags.agent.direct_after >= absl::ZeroDuration() &&
      flags.agent.direct_after < absl::InfiniteDuration()) {
    return absl::OkStatus();
  }
  return Usage(absl::StrCat("--direct-after: not a duration: ", raw.direct_after));
}

// Zero means for ever.
absl::Status ReadTimeout(const std::string& flag, const std::string& text, absl::Duration* out) {
  if (!absl::ParseDuration(text, out) || *out < absl::ZeroDuration()) {
    return Usage(absl::StrCat(flag, ": not a duration: ", text));
  }
  if (*out == absl::ZeroDuration()) *out = absl::InfiniteDuration();
  return absl::OkStatus();
}

absl::Status ReadReserve(const Raw& raw, Flags& flags) {
  if (!raw.reserve) return absl::OkStatus();
  absl::Duration reserve;
  if (!absl::ParseDuration(raw.reserve_for, &reserve) || reserve <= absl::ZeroDuration() ||
      reserve > kMaxReserve) {
    return Usage(absl::StrCat("--reserve-for: not a duration up to 1h: ", raw.reserve_for));
  }
  // A made-up name would never be taken over.
  if (flags.agent.instance.empty()) {
    return Usage("--reserve needs --instance, the name under which the service itself registers");
  }
  flags.reserve = reserve;
  return absl::OkStatus();
}

absl::Status ReadAddress(absl::string_view flag, const std::string& text,
                         std::optional<health::Address>* out) {
  if (text.empty()) return absl::OkStatus();
  const auto address = health::ParseAddress(text);
  if (!address.ok()) return Usage(absl::StrCat(flag, ": ", address.status().message()));
  *out = *address;
  return absl::OkStatus();
}

absl::Status ReadProbes(const Raw& raw, Flags& flags) {
  RETURN_IF_ERROR(ReadAddress("--http", raw.http, &flags.http));
  RETURN_IF_ERROR(ReadAddress("--grpc-health", raw.grpc_health, &flags.grpc_health));
  if (flags.verb != Verb::kSidecar || flags.http || flags.grpc_health) return absl::OkStatus();
  return Usage("sidecar needs --http or --grpc-health: it is there to be asked");
}

absl::Status Finish(const Raw& raw, Flags& flags) {
  if (flags.verb == Verb::kRun && flags.command.empty()) {
    return Usage("no command: write it after --");
  }
  if (flags.verb != Verb::kRun && !flags.command.empty()) {
    return Usage("a command after -- is for run only");
  }
  RETURN_IF_ERROR(ReadTimeout("--gate-timeout", raw.gate_timeout, &flags.gate_timeout));
  RETURN_IF_ERROR(ReadTimeout("--drain-timeout", raw.drain_timeout, &flags.drain_timeout));
  RETURN_IF_ERROR(ReadReserve(raw, flags));
  RETURN_IF_ERROR(ReadDirectAfter(raw, flags));
  if (!base::ParseLogLevel(raw.log_level, &flags.log.level)) {
    return Usage(absl::StrCat("--log-level: not a level: ", raw.log_level));
  }
  if (!flags.ready_url.empty() && !absl::StartsWith(flags.ready_url, "http://")) {
    return Usage("--ready-url: only http:// URLs can be asked");
  }
  RETURN_IF_ERROR(ReadProbes(raw, flags));
  if (raw.log_format == "json") flags.log.format = base::LogFormat::kJson;
  if (raw.log_format == "text") flags.log.format = base::LogFormat::kText;
  if (raw.schema_signal == "HUP") flags.schema_signal = SIGHUP;
  if (raw.schema_signal == "USR1") flags.schema_signal = SIGUSR1;
  if (raw.schema_signal == "USR2") flags.schema_signal = SIGUSR2;
  if (raw.schema_signal == "WINCH") flags.schema_signal = SIGWINCH;
  flags.log.program = "lockstep-agent";
  if (flags.agent.addresses.empty()) {
    flags.agent.addresses.assign(std::begin(kDefaultAddresses), std::end(kDefaultAddresses));
  }
  return ReadSecrets(raw, flags);
}

ParsedFlags Failed(const std::string& message) {
  ParsedFlags parsed;
  parsed.exit_code = kExitAgentFailure;
  parsed.text = absl::StrCat("error: ", message,
                             "\n  hint: lockstep-agent run --help, wait --help or sidecar --help "
                             "shows flags and examples\n");
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
  Flags flags;
  Raw raw;
  if (dashes != arguments.end()) flags.command.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());

  CLI::App app(kDescription, "lockstep-agent");
  app.set_version_flag("--version", absl::StrCat("lockstep-agent ", LOCKSTEP_VERSION));
  app.require_subcommand(1);
  app.footer(kFooter);
  AddVerbs(app, arguments.empty() ? "" : arguments.front(), flags, raw);
  ParsedFlags parsed = Parse(app, std::move(arguments));
  if (parsed.exit_code.has_value()) return parsed;
  if (const absl::Status status = Finish(raw, flags); !status.ok()) {
    return Failed(std::string(status.message()));
  }
  parsed.flags = std::move(flags);
  return parsed;
}

void WipeSecrets(int argc, char** argv) {
  for (const absl::string_view flag : {"--migrate-database", "--database"}) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; ++i) {
      if (flag == argv[i] && i + 1 < argc) {
        memset(argv[i + 1], 'x', strlen(argv[i + 1]));
      } else if (absl::StartsWith(argv[i], absl::StrCat(flag, "="))) {
        char* const value = argv[i] + flag.size() + 1;
        memset(value, 'x', strlen(value));
      }
    }
  }
  for (const char* const variable : kSecretVariables) {
    if (char* const value = getenv(variable); value != nullptr) memset(value, 'x', strlen(value));
  }
}

}  // namespace lockstep::process
