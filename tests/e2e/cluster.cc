#include "tests/e2e/cluster.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

void Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// In the environment of agents and so of their services: the directory of their cluster.
constexpr char kMark[] = "CLUSTER_OF_TEST";

// Says when it started, which is when the gate was open, and ends well on SIGTERM.
const char* const kService =
    "trap 'exit 0' TERM; echo open $(date +%s.%N); exec 3<> <(:); while :; do read -t 0.3 -u 3 x "
    "|| :; done";

}  // namespace

Cluster::Cluster(PostgresServer* server) : db_({.server = server}), database_(db_.conninfo()) {
  owner_ = db_.RoleName("owner");
  migrator_ = db_.CreateLogin("migrator");
  db_.RunScript(absl::StrCat("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '",
                             owner_, "') THEN CREATE ROLE ", owner_, " NOLOGIN; END IF; END $$; ",
                             "GRANT ", owner_, " TO ", migrator_, "; ALTER DATABASE ", db_.name(),
                             " OWNER TO ", owner_, "; GRANT ALL ON SCHEMA public TO ", owner_));
  std::filesystem::create_directories(migrations());
}

Cluster::~Cluster() {
  const std::string mark = absl::StrCat(kMark, "=", directory_.path());
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid) || pid == getpid()) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment((std::istreambuf_iterator<char>(file)), {});
    for (const absl::string_view variable : absl::StrSplit(environment, '\0')) {
      if (variable == mark) kill(pid, SIGKILL);
    }
  }
}

std::string Cluster::socket(const std::string& name) const {
  return absl::StrCat("unix:", directory_.File(absl::StrCat(name, ".sock")));
}

Subprocess& Cluster::StartCoordinator(const std::string& name,
                                      const std::vector<std::string>& flags,
                                      const std::map<std::string, std::string>& env) {
  SubprocessOptions options{.argv = {ProgramPath("lockstep-coordinator"), "--database", database_,
                                     "--owner-role", owner_, "--listen", "127.0.0.1:0", "--socket",
                                     socket(name).substr(5), "--advertise", socket(name)},
                            .env = env};
  options.argv.insert(options.argv.end(), flags.begin(), flags.end());
  auto started = Subprocess::Start(options);
  Require(started.ok(), started.ok() ? "" : std::string(started.status().message()));
  coordinators_[name] = *std::move(started);
  Subprocess& coordinator = *coordinators_[name];
  Require(coordinator.WaitForOutput("\"listening\""),
          absl::StrCat("the coordinator does not listen: ", coordinator.stderr_text()));
  db_.RunScript(absl::StrCat("GRANT lockstep_agents TO ", migrator_));
  return coordinator;
}

void Cluster::WriteSum() {
  const CommandResult result =
      RunCommand({.argv = {ProgramPath("lockstep"), "sum", "--migrations", migrations()}});
  Require(result.exit == ExitStatus{}, absl::StrCat("lockstep sum: ", result.err));
}

void Cluster::WriteMigration(const std::string& name, const std::string& sql) {
  Write(absl::StrCat(migrations(), "/", name), sql);
  WriteSum();
}

void Cluster::UsePlayground() {
  std::filesystem::remove_all(migrations());
  std::filesystem::copy(SourcePath("migrations"), migrations(),
                        std::filesystem::copy_options::recursive);
}

std::unique_ptr<Subprocess> Cluster::StartAgent(AgentSpec spec) {
  const int number = ++agents_;
  if (spec.instance.empty()) spec.instance = absl::StrCat(spec.service, "-", number);
  const std::string service_file = directory_.File(absl::StrCat("service-", number, ".yaml"));
  Write(service_file, absl::StrCat("service: ", spec.service, "\n", spec.yaml));
  SubprocessOptions options{
      .argv = {ProgramPath("lockstep-agent"), spec.verb, "--address",
               spec.address.empty() ? socket() : spec.address, "--instance", spec.instance,
               "--chain-sum", spec.chain_sum.empty() ? chain_sum() : spec.chain_sum},
      .env = spec.env};
  options.env[kMark] = directory_.path();
  auto& argv = options.argv;
  if (spec.verb != "sidecar") argv.insert(argv.end(), {"--gate-timeout", spec.gate_timeout});
  if (spec.service_file) argv.insert(argv.end(), {"--service-file", service_file});
  if (spec.migrate && spec.migrate_database.empty()) {
    spec.migrate_database = db_.conninfo(migrator_);
  }
  if (!spec.migrate_database.empty()) {
    options.env["LOCKSTEP_AGENT_MIGRATE_DATABASE"] = spec.migrate_database;
  }
  argv.insert(argv.end(), spec.flags.begin(), spec.flags.end());
  if (spec.verb == "run") {
    if (spec.command.empty()) spec.command = {"bash", "-c", kService};
    argv.push_back("--");
    argv.insert(argv.end(), spec.command.begin(), spec.command.end());
  }
  auto started = Subprocess::Start(options);
  Require(started.ok(), started.ok() ? "" : std::string(started.status().message()));
  return *std::move(started);
}

std::unique_ptr<Subprocess> Cluster::StartCtl(std::vector<std::string> args,
                                              const std::string& name) {
  args.insert(args.begin(), ProgramPath("lockstep"));
  auto started = Subprocess::Start({.argv = args,
                                    .env = {{"LOCKSTEP_ADDRESS", socket(name)}},
                                    .working_directory = directory_.path()});
  Require(started.ok(), started.ok() ? "" : std::string(started.status().message()));
  return *std::move(started);
}

CommandResult Cluster::Ctl(std::vector<std::string> args, const std::string& name,
                           absl::Duration timeout) {
  args.insert(args.begin(), ProgramPath("lockstep"));
  CommandResult result = RunCommand({.argv = args,
                                     .env = {{"LOCKSTEP_ADDRESS", socket(name)}},
                                     .working_directory = directory_.path()},
                                    timeout);
  if (!result.exit.has_value()) throw std::runtime_error("lockstep took too long: " + result.err);
  return result;
}

nlohmann::json Cluster::Json(std::vector<std::string> args, const std::string& name) {
  args.insert(args.end(), {"-o", "json"});
  const CommandResult result = Ctl(args, name);
  Require(result.exit == ExitStatus{}, absl::StrCat("lockstep ", args[0], ": ", result.err));
  return nlohmann::json::parse(result.out);
}

std::optional<nlohmann::json> Cluster::InstanceOf(const std::string& service,
                                                  const std::string& instance) {
  const nlohmann::json status = Status();
  const nlohmann::json& body = status.contains("status") ? status.at("status") : status;
  for (const auto& each : body.value("services", nlohmann::json::array())) {
    if (each.at("service") != service) continue;
    for (const auto& one : each.at("instances")) {
      if (one.at("instance") == instance) return one;
    }
  }
  return std::nullopt;
}

std::string Cluster::StateOf(const std::string& service, const std::string& instance) {
  const auto found = InstanceOf(service, instance);
  return found.has_value() ? found->at("state").get<std::string>() : "";
}

std::string Cluster::ReasonOf(const std::string& service, const std::string& instance) {
  const auto found = InstanceOf(service, instance);
  return found.has_value() ? found->at("gate").at("reason").get<std::string>() : "";
}

}  // namespace lockstep::testing
