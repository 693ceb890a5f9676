#include "coordinator/program/config.h"

#include <arpa/inet.h>
#include <sstream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

constexpr char kFooter[] = R"(Examples:
  lockstep-coordinator --database postgresql://lockstep@db/app --owner-role app_owner
  lockstep-coordinator --database-file /run/secrets/database --socket /run/lockstep/lockstep.sock

Every flag has a twin in the environment: --owner-role is LOCKSTEP_COORDINATOR_OWNER_ROLE.
Signals: SIGTERM and SIGINT stop gracefully. Exit codes: 0 stopped, 1 failed, 2 usage,
7 database unreachable.)";

constexpr int64_t kMaxSecretBytes = 64 << 10;

struct Raw {
  std::string database_file;
  std::string log_level = "info";
  std::string log_format = "auto";
  double time_scale = 1.0;
  bool version = false;
};

// "--leader-ttl" -> "LOCKSTEP_COORDINATOR_LEADER_TTL".
std::string EnvironmentName(const std::string& flag) {
  std::string env = "LOCKSTEP_COORDINATOR_" + flag.substr(2);
  for (char& c : env) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return env;
}

// A flag for each duration: the relations between them are checked when all are read.
void AddDurationFlags(CLI::App& app, Durations& durations) {
  for (const DurationField& field : DurationFields()) {
    const std::string flag = absl::StrCat("--", absl::StrReplaceAll(field.name, {{"_", "-"}}));
    absl::Duration& target = durations.*field.member;
    app.add_option_function<std::string>(
           flag,
           [flag, &target](const std::string& text) {
             if (absl::ParseDuration(text, &target)) return;
             throw CLI::ValidationError(flag, "not a duration such as 30s or 500ms: " + text);
           },
           field.help)
        ->envname(EnvironmentName(flag))
        ->type_name("DURATION")
        ->default_str(absl::FormatDuration(target))
        ->group("Durations");
  }
}

void AddFlags(CLI::App& app, Config& config, Raw& raw) {
  const auto add = [&](const std::string& name, auto& target, const std::string& help) {
    return app.add_option(name, target, help)->envname(EnvironmentName(name));
  };
  add("--database", config.database, "Database to govern, as URL or key=value string");
  add("--database-file", raw.database_file, "File that holds the value of --database");
  add("--listen", config.listen, "HOST:PORT for agents and people; port 0 picks one; '' for none")
      ->capture_default_str();
  add("--socket", config.socket, "Path of a Unix socket to listen on too");
  add("--advertise", config.advertise,
      "Address that followers send clients to (default: --listen)");
  app.add_flag("--insecure-listen", config.insecure_listen,
               "Allow plaintext on an address beyond loopback")
      ->envname("LOCKSTEP_COORDINATOR_INSECURE_LISTEN");
  add("--owner-role", config.owner_role,
      "Role that migrations run as (default: as stored, else the owner of the database)");
  add("--search-path", config.search_path,
      "search_path of migrations (default: as stored, else public)");
  add("--workers", config.workers, "Threads for calls")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add("--log-level", raw.log_level, "debug, info, warning, error or off")->capture_default_str();
  add("--log-format", raw.log_format, "auto, json or text")
      ->check(CLI::IsMember({"auto", "json", "text"}))
      ->capture_default_str();
  AddDurationFlags(app, config.durations);
  add("--time-scale", raw.time_scale, "Divide all durations by this; for tests")
      ->check(CLI::Range(1.0, 100.0))
      ->group("Testing");
  app.add_flag("--version", raw.version, "Print the version and leave");
}

absl::Status Finish(Config& config, const Raw& raw) {
  if (!raw.database_file.empty()) {
    if (!config.database.empty()) {
      return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                             "both --database and --database-file are given",
                             {{"field", "database"}}, "give one of them");
    }
    ASSIGN_OR_RETURN(std::string text, base::ReadFile(raw.database_file, kMaxSecretBytes));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    config.database = std::move(text);
  }
  if (!base::ParseLogLevel(raw.log_level, &config.log.level)) {
    return absl::InvalidArgumentError(absl::StrCat("--log-level: not a level: ", raw.log_level));
  }
  if (raw.log_format == "json") config.log.format = base::LogFormat::kJson;
  if (raw.log_format == "text") config.log.format = base::LogFormat::kText;
  config.log.program = "lockstep-coordinator";
  config.durations = Scaled(config.durations, raw.time_scale);
  return CheckConfig(config);
}

}  // namespace

bool IsLoopback(const std::string& host_port) {
  const std::string host = host_port.substr(0, host_port.rfind(':'));
  // A name like 127.example.org is no address of ours.
  in_addr address;
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]" || host == "::1";
}

absl::Status CheckConfig(const Config& config) {
  if (config.database.empty()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "no database given",
                           {{"field", "database"}},
                           "lockstep-coordinator --database postgresql://USER@HOST/DATABASE");
  }
  if (config.listen.empty() && config.socket.empty()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           "nothing to listen on: --listen is empty and there is no --socket",
                           {{"field", "listen"}}, "give --listen 127.0.0.1:7411 or --socket PATH");
  }
  if (!config.listen.empty() && !IsLoopback(config.listen) && !config.insecure_listen) {
    return base::MakeError(
        absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
        absl::StrCat("--listen ", config.listen,
                     " is beyond loopback and traffic is not encrypted"),
        {{"field", "listen"}, {"value", config.listen}},
        "listen on 127.0.0.1 or a Unix socket, or accept it with --insecure-listen");
  }
  return CheckDurations(config.durations);
}

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv) {
  ParsedCommandLine parsed;
  Raw raw;
  CLI::App app(
      "The coordinator: owns the migration history of one database and leases upgrades to agents.",
      "lockstep-coordinator");
  app.footer(kFooter);
  AddFlags(app, parsed.config, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::ostringstream out, err;
    parsed.exit = true;
    parsed.code = app.exit(e, out, err) == 0 ? 0 : 2;
    parsed.text = out.str() + err.str();
    return parsed;
  }
  if (raw.version) {
    parsed.exit = true;
    parsed.text = absl::StrCat("lockstep-coordinator ", LOCKSTEP_VERSION, "\n");
    return parsed;
  }
  if (const absl::Status status = Finish(parsed.config, raw); !status.ok()) {
    const auto info = base::GetErrorInfo(status);
    parsed.exit = true;
    parsed.code = 2;
    parsed.text = absl::StrCat("error: ", status.message(), "\n");
    if (info.has_value() && !info->hint.empty()) {
      absl::StrAppend(&parsed.text, "  hint: ", info->hint, "\n");
    }
  }
  return parsed;
}

}  // namespace lockstep::coordinator
