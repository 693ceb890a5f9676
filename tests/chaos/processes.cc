#include "tests/chaos/processes.h"

#include <csignal>
#include <fstream>
#include <set>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"
#include "engine/postgres/connection.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_binaries.h"
#include "tests/support/repo_paths.h"

namespace lockstep::chaos {
namespace {

using testing::ExitStatus;
using testing::ProgramPath;
using testing::Subprocess;

constexpr absl::Duration kReapPause = absl::Seconds(1);
constexpr absl::Duration kRestartPause = absl::Milliseconds(300);
constexpr absl::Duration kDrainPatience = absl::Seconds(60);
// Before --time-scale. Nobody attests that an agent was killed, and contracts wait for its session
// until then.
constexpr char kSuspectExpiry[] = "150s";
constexpr int kPoolerPort = 6432;  // Of a Unix socket only: it names a file.

// The services: who keeps serving without a session, who stops.
struct Service {
  const char* name;
  bool stops;
};
constexpr Service kServices[] = {{"shop", false}, {"mail", true}, {"web", false}};

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> children;
  for (pid_t child = 0; file >> child;) children.push_back(child);
  return children;
}

std::string RoleOf(const Coordinator& coordinator) {
  return absl::StrCat(kCoordinatorRolePrefix, coordinator.name);
}

}  // namespace

bool Program::running() const {
  return process != nullptr && !process->Wait(absl::ZeroDuration()).has_value();
}

std::vector<pid_t> Program::pids() const {
  std::vector<pid_t> pids;
  if (!running()) return pids;
  pids = ChildrenOf(process->pid());
  pids.insert(pids.begin(), process->pid());
  return pids;
}

void Program::Kill(absl::Duration pause, bool children_too) {
  const std::vector<pid_t> all = pids();
  if (process != nullptr) process->Signal(SIGKILL);
  if (all.size() > 1) orphans.assign(all.begin() + 1, all.end());
  if (children_too) EndOrphans();
  frozen = false;
  crashed = true;
  start_at = absl::Now() + pause;
}

// They are children of this process by now (it is their subreaper), so a number stays theirs until
// it is waited for.
void Program::EndOrphans() {
  for (const pid_t pid : orphans) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  orphans.clear();
}

void Program::Freeze() {
  for (const pid_t pid : pids()) kill(pid, SIGSTOP);
  frozen = true;
}

void Program::Thaw() {
  if (!frozen) return;
  for (const pid_t pid : pids()) kill(pid, SIGCONT);
  frozen = false;
}

Processes::Processes(Proxy* proxy, PostgresPair* postgres, Chain* chain, Journal* journal,
                     std::string directory, const Options& options)
    : proxy_(proxy),
      postgres_(postgres),
      chain_(chain),
      journal_(journal),
      directory_(std::move(directory)),
      options_(options),
      app_wire_(postgres->NewClientLink("app")),
      pooler_wire_(postgres->NewClientLink("pooler")) {
  for (const char* const name : {"a", "b", "c"}) {
    auto coordinator = std::make_unique<Coordinator>();
    coordinator->name = name;
    coordinator->front =
        proxy_->ListenUnix(absl::StrCat("front-", name), absl::StrCat(directory_, "/", name, ".f"),
                           {.unix_path = absl::StrCat(directory_, "/", name, ".s")});
    const std::string role = RoleOf(*coordinator);
    // One of three stands behind a pooler that keeps sessions apart.
    if (coordinator->name == "c") {
      coordinator->wire = pooler_wire_;
      coordinator->database = PoolerConninfo("sessions", role);
    } else {
      coordinator->wire = postgres_->NewClientLink(absl::StrCat("coordinator-", name));
      coordinator->database = PostgresPair::ConninfoOf(*coordinator->wire, role);
    }
    coordinators_.push_back(std::move(coordinator));
  }
  for (int i = 0; i < options_.agents; ++i) {
    auto instance = std::make_unique<Instance>();
    const Service& service = kServices[i % 3];
    instance->service = service.name;
    instance->stops = service.stops;
    instance->name = absl::StrCat(service.name, "-", i / 3 + 1);
    // One whose way to the database is a transaction pooler: it must be refused, others go on.
    instance->pooled = i == options_.agents - 1;
    if (instance->pooled) {
      instance->migrate = PoolerConninfo("transactions", kMigratorRole);
    } else if (i % 2 == 0 || i < 3) {
      instance->wire = postgres_->NewClientLink(absl::StrCat("migrator-", instance->name));
      instance->migrate = PostgresPair::ConninfoOf(*instance->wire, kMigratorRole);
    }
    instances_.push_back(std::move(instance));
  }
}

std::string Processes::PoolerConninfo(const std::string& database, const std::string& user) const {
  return absl::StrCat("host=", directory_, "/pooler port=", kPoolerPort, " dbname=", database,
                      " user=", user);
}

std::string Processes::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& coordinator : coordinators_) {
    addresses.push_back(absl::StrCat("unix:", directory_, "/", coordinator->name, ".f"));
  }
  return absl::StrJoin(addresses, ",");
}

absl::Status Processes::MakeRoles() {
  ASSIGN_OR_RETURN(auto connection,
                   postgres::Connection::Open({.conninfo = postgres_->DirectConninfo()}));
  std::string sql =
      absl::StrCat("CREATE ROLE ", kOwnerRole, " NOLOGIN; CREATE ROLE ", kMigratorRole,
                   " LOGIN; GRANT ", kOwnerRole, " TO ", kMigratorRole, "; CREATE ROLE ", kAppRole,
                   " LOGIN; GRANT ", kOwnerRole, " TO ", kAppRole, "; ALTER DATABASE ", kDatabase,
                   " OWNER TO ", kOwnerRole, "; GRANT ALL ON SCHEMA public TO ", kOwnerRole, ";");
  for (const auto& coordinator : coordinators_) {
    absl::StrAppend(&sql, "CREATE ROLE ", RoleOf(*coordinator), " LOGIN SUPERUSER;");
  }
  return connection->RunScript(sql);
}

absl::Status Processes::GrantRights() {
  ASSIGN_OR_RETURN(auto connection,
                   postgres::Connection::Open({.conninfo = postgres_->DirectConninfo()}));
  return connection->RunScript(absl::StrCat(
      "GRANT lockstep_agents TO ", kMigratorRole, "; GRANT USAGE ON SCHEMA lockstep TO ", kAppRole,
      "; GRANT SELECT ON ALL TABLES IN SCHEMA lockstep TO ", kAppRole));
}

void Processes::Launch(Program& program, testing::SubprocessOptions options) {
  program.EndOrphans();
  options.output_file = log(program.name);
  auto started = Subprocess::Start(options);
  if (!started.ok()) {
    throw std::runtime_error(absl::StrCat(program.name, ": ", started.status().message()));
  }
  program.process = *std::move(started);
  program.frozen = program.crashed = false;
  program.start_at = absl::InfinitePast();
  ++program.starts;
}

void Processes::StartPooler() {
  const std::string home = absl::StrCat(directory_, "/pooler");
  mkdir(home.c_str(), 0777);
  chmod(home.c_str(), 0777);  // The pooler runs as another user.
  std::string users = absl::StrCat("\"", kMigratorRole, "\" \"\"\n");
  for (const auto& coordinator : coordinators_) {
    absl::StrAppend(&users, "\"", RoleOf(*coordinator), "\" \"\"\n");
  }
  const std::string upstream =
      absl::StrCat("host=127.0.0.1 port=", pooler_wire_->port(), " dbname=", kDatabase);
  std::ofstream(home + "/users") << users;
  std::ofstream(home + "/pgbouncer.ini")
      << "[databases]\nsessions = " << upstream << " pool_mode=session\ntransactions = " << upstream
      << " pool_mode=transaction\n[pgbouncer]\nauth_type = trust\nauth_file = " << home
      << "/users\nunix_socket_dir = " << home << "\nlisten_addr =\nlisten_port = " << kPoolerPort
      << "\nserver_tls_sslmode = disable\ndefault_pool_size = 40\nserver_login_retry = 1\n"
      << "ignore_startup_parameters = extra_float_digits,options\n";
  Launch(pooler_,
         {.argv = {"pgbouncer", home + "/pgbouncer.ini"}, .user = testing::PostgresUser()});
}

void Processes::StartCoordinators() {
  for (auto& coordinator : coordinators_) Start(*coordinator);
}

void Processes::Start(Coordinator& coordinator) {
  const std::string socket = absl::StrCat(directory_, "/", coordinator.name, ".s");
  Launch(coordinator,
         {.argv = {ProgramPath("lockstep-coordinator"), "--database", coordinator.database,
                   "--owner-role", kOwnerRole, "--listen", "", "--socket", socket, "--advertise",
                   absl::StrCat("unix:", directory_, "/", coordinator.name, ".f"), "--time-scale",
                   absl::StrCat(options_.time_scale), "--suspect-expiry", kSuspectExpiry,
                   "--log-format", "json"}});
}

void Processes::StartInstances() {
  instances_may_start_ = true;
  for (auto& instance : instances_) Start(*instance);
}

void Processes::Start(Instance& instance) {
  if (!instance.crashed || instance.build.version == 0) instance.build = chain_->newest();
  instance.draining = false;
  const std::string yaml = absl::StrCat(directory_, "/", instance.name, ".yaml");
  std::ofstream(yaml) << "service: " << instance.service << "\nneeds: " << instance.build.needs
                      << "\nadapted_to: " << instance.build.version
                      << "\non_session_loss: " << (instance.stops ? "stop" : "keep") << "\n";
  testing::SubprocessOptions options{.argv = {ProgramPath("lockstep-agent"),
                                              "run",
                                              "--address",
                                              addresses(),
                                              "--instance",
                                              instance.name,
                                              "--chain-sum",
                                              instance.build.chain_sum,
                                              "--service-file",
                                              yaml,
                                              "--gate-timeout",
                                              "0",
                                              "--log-format",
                                              "json",
                                              "--",
                                              ProgramPath("chaos_canary"),
                                              PostgresPair::ConninfoOf(*app_wire_, kAppRole),
                                              instance.service,
                                              instance.name,
                                              instance.stops ? "stop" : "keep",
                                              absl::StrCat(instance.build.needs),
                                              instance.build.queries,
                                              directory_}};
  if (!instance.migrate.empty()) options.env["LOCKSTEP_AGENT_MIGRATE_DATABASE"] = instance.migrate;
  Launch(instance, std::move(options));
}

void Processes::ReapInherited() const {
  std::set<pid_t> others;  // Their owners wait for them.
  for (const pid_t pid : postgres_->pids()) others.insert(pid);
  const auto add = [&](const Program& program) {
    if (program.process != nullptr) others.insert(program.process->pid());
    others.insert(program.orphans.begin(), program.orphans.end());
  };
  add(pooler_);
  for (const auto& coordinator : coordinators_) add(*coordinator);
  for (const auto& instance : instances_) add(*instance);
  // The children of this thread: other threads wait for their own.
  for (const pid_t pid : ChildrenOf(getpid())) {
    if (!others.contains(pid)) (void)waitpid(pid, nullptr, WNOHANG);
  }
}

void Processes::Tick() {
  const absl::Time now = absl::Now();
  if (now >= next_reap_) {
    ReapInherited();
    next_reap_ = now + kReapPause;
  }
  const auto due = [&](Program& program) {
    if (program.running()) return false;
    // It ended by itself.
    if (program.start_at == absl::InfinitePast()) program.start_at = now + kRestartPause;
    return program.start_at <= now;
  };
  for (auto& coordinator : coordinators_) {
    if (due(*coordinator)) Start(*coordinator);
  }
  if (due(pooler_)) StartPooler();
  if (!instances_may_start_) return;
  for (auto& instance : instances_) {
    if (due(*instance)) Start(*instance);
  }
}

void Processes::Roll(Instance& instance) {
  if (!instance.running() || instance.frozen || instance.draining) return;
  instance.draining = true;
  instance.process->Signal(SIGTERM);
  journal_->Count("instances rolled");
}

void Processes::ThawAll() {
  for (auto& coordinator : coordinators_) coordinator->Thaw();
  for (auto& instance : instances_) instance->Thaw();
}

bool Processes::DrainInstances() {
  instances_may_start_ = false;
  for (auto& instance : instances_) {
    if (instance->running()) instance->process->Signal(SIGTERM);
  }
  return testing::Eventually(
      [this] {
        for (auto& instance : instances_) {
          if (instance->running()) return false;
        }
        return true;
      },
      kDrainPatience);
}

void Processes::StopAll() {
  for (auto& coordinator : coordinators_) {
    if (coordinator->running()) coordinator->process->Signal(SIGTERM);
  }
  for (auto& coordinator : coordinators_) {
    if (coordinator->process != nullptr) (void)coordinator->process->Wait(kDrainPatience);
  }
  pooler_.Kill(absl::InfiniteDuration());
}

}  // namespace lockstep::chaos
