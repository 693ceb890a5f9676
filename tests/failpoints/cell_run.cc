#include "tests/failpoints/cell_run.h"

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "coordinator/durations.h"
#include "engine/base/file.h"
#include "tests/e2e/cluster.h"
#include "tests/failpoints/chain.h"
#include "tests/support/eventually.h"
#include "tests/support/invariant_checks.h"

namespace lockstep::testing {
namespace {

constexpr int kTimeScale = 20;
constexpr int kAgents = 2;
constexpr char kBystander[] = "bystander-1";
constexpr absl::Duration kUpgradeLimit = absl::Seconds(60);
constexpr absl::Duration kSnapshotAfterHit = absl::Seconds(1);
constexpr absl::Duration kPause = absl::Milliseconds(5);
constexpr int64_t kMaxLogBytes = 1 << 20;
const std::vector<std::string> kCoordinators = {"a", "b", "c"};

// What is written to LOCKSTEP_FAILPOINT_LOG when a failpoint acts.
struct Hit {
  std::string name;
  std::string action;
  pid_t pid = 0;
};

std::vector<Hit> ReadHits(const std::string& path) {
  std::vector<Hit> hits;
  const std::string text = base::ReadFile(path, kMaxLogBytes).value_or("");
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    Hit hit{.name = words.at(0), .action = words.at(1)};
    if (absl::SimpleAtoi(words.at(2), &hit.pid)) hits.push_back(hit);
  }
  return hits;
}

class Run {
 public:
  Run(PostgresServer& server, const Cell& cell)
      : cell_(cell),
        two_ttls_(2 * coordinator::Scaled({}, kTimeScale).lease_ttl),
        cluster_(&server) {}

  CellResult Do() {
    try {
      Begin();
      Upgrade();
      Settle();
      End();
    } catch (const std::exception& error) {
      Problem(error.what());
    }
    CollectLogs();
    return std::move(result_);
  }

 private:
  using Environment = std::map<std::string, std::string>;

  void Begin() {
    WriteChain(cluster_);
    for (const std::string& name : kCoordinators) {
      // The first one leads before there is an upgrade, and a takeover is not its.
      const bool spared = cell_.point.scene == Scene::kTakeover && name == kCoordinators.front();
      StartCoordinator(name, spared ? Environment{} : ArmedIn("leader"));
      if (spared && !cluster_.coordinator(name).WaitForOutput("leadership won")) {
        Problem("the first coordinator does not lead");
      }
    }
    const CommandResult published = cluster_.Ctl(Addressed({"publish"}));
    if (published.exit != ExitStatus{}) Problem("publish: " + published.err);
    if (cell_.point.scene != Scene::kGroups) {
      cluster_.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
    }
    for (int i = 1; i <= kAgents; ++i) StartMigrator(absl::StrCat("shop-", i), ArmedIn("agent"));
    if (cell_.point.scene == Scene::kExpire) StartBystander();
    if (cell_.point.scene == Scene::kBuild) TakeSnapshot();
  }

  // Builds of indexes wait for it to go before they end.
  void TakeSnapshot() {
    snapshot_ = cluster_.db().Connect();
    const absl::Status taken =
        snapshot_->RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    if (!taken.ok()) Problem(std::string(taken.message()));
  }

  // The environment that arms what is to be armed in the programs of `kind`.
  Environment ArmedIn(const std::string& kind) const {
    std::vector<std::string> armed;
    if (absl::StartsWith(cell_.point.name, kind)) {
      armed.push_back(absl::StrCat(cell_.point.name, "=", cell_.action, "@", cell_.point.hit));
    }
    if (kind == "agent" && cell_.point.scene == Scene::kRevoke) {
      armed.push_back("agent.after_statement=stop@4");
    }
    if (armed.empty()) return {};
    return {{"LOCKSTEP_FAILPOINTS", absl::StrJoin(armed, ";")}, {"LOCKSTEP_FAILPOINT_LOG", log()}};
  }

  void StartCoordinator(const std::string& name, const Environment& env) {
    cluster_.StartCoordinator(name, {"--time-scale", absl::StrCat(kTimeScale)}, env);
  }

  void StartMigrator(const std::string& instance, const Environment& env) {
    agents_[instance] = cluster_.StartAgent({.service = "shop",
                                             .instance = instance,
                                             .yaml = "needs: 12\nadapted_to: 11\n",
                                             .migrate = true,
                                             .flags = OtherAddresses(),
                                             .env = env});
  }

  void StartBystander(int adapted_to = 11) {
    bystander_ = cluster_.StartAgent({.service = "bystander",
                                      .instance = kBystander,
                                      .yaml = absl::StrCat("needs: 0\nadapted_to: ", adapted_to,
                                                           "\n"),
                                      .flags = OtherAddresses()});
    if (!bystander_->WaitForOutput("open ")) Problem("the bystander's gate stays closed");
  }

  std::vector<std::string> OtherAddresses() const {
    std::vector<std::string> flags;
    for (size_t i = 1; i < kCoordinators.size(); ++i) {
      flags.insert(flags.end(), {"--address", cluster_.socket(kCoordinators[i])});
    }
    return flags;
  }

  std::vector<std::string> Addressed(std::vector<std::string> args) const {
    for (const std::string& name : kCoordinators) {
      args.insert(args.end(), {"--address", cluster_.socket(name)});
    }
    return args;
  }

  void Upgrade() {
    if (cell_.point.scene != Scene::kContract) return Follow({"upgrade", "--contracts", "--yes"});
    Follow({"upgrade", "--yes"});
    StartBystander(/*adapted_to=*/0);
    Follow({"contract", "11", "--when-drained", "--accept-unknown", "the matrix", "--yes"});
  }

  // Runs a command to its end, whatever happens meanwhile.
  void Follow(std::vector<std::string> args) {
    const absl::Time began = absl::Now();
    auto upgrade = cluster_.StartCtl(Addressed(std::move(args)));
    std::optional<ExitStatus> exit;
    bool disturbed = false;
    while (!exit.has_value() && absl::Now() < began + kUpgradeLimit) {
      if (!disturbed) disturbed = Disturb();
      Tend();
      exit = upgrade->Wait(kPause);
    }
    result_.seconds += absl::ToDoubleSeconds(absl::Now() - began);
    if (!exit.has_value()) Problem("the upgrade did not end within a minute");
    if (exit.has_value() && *exit != ExitStatus{}) {
      Problem(absl::StrCat("the upgrade ended with ", exit->code, ": ", upgrade->stderr_text()));
    }
    absl::StrAppend(&result_.logs, "== upgrade\n", upgrade->stdout_text(), upgrade->stderr_text());
  }

  // What the scene adds; true once it happened.
  bool Disturb() {
    if (cell_.point.scene == Scene::kExpire) {
      bystander_->Signal(SIGKILL);
      return true;
    }
    if (cell_.point.scene == Scene::kContract && bystander_ != nullptr) {
      if (cluster_.db().Scalar("SELECT barrier IS NULL FROM lockstep.chain") == "t") return false;
      bystander_->Signal(SIGTERM);
      return true;
    }
    if (cell_.point.scene != Scene::kTakeover) return true;
    if (cluster_.db().Scalar("SELECT count(*) FROM lockstep.attempt") == "0") return false;
    cluster_.coordinator(kCoordinators.front()).Signal(SIGKILL);
    return true;
  }

  // A while after the failpoint acted, so that what it hit was in the middle of its work.
  void ReleaseSnapshot(const std::vector<Hit>& hits) {
    if (snapshot_ == nullptr || hits.empty()) return;
    if (!release_at_.has_value()) release_at_ = absl::Now() + kSnapshotAfterHit;
    if (absl::Now() >= *release_at_) snapshot_.reset();
  }

  // Starts again who died, and lets go on who was stopped for long enough.
  void Tend() {
    const absl::Time now = absl::Now();
    const std::vector<Hit> hits = ReadHits(log());
    ReleaseSnapshot(hits);
    for (size_t i = continue_at_.size(); i < hits.size(); ++i) {
      continue_at_.push_back(hits[i].action == "stop" ? std::optional(now + two_ttls_)
                                                      : std::nullopt);
    }
    for (size_t i = 0; i < hits.size(); ++i) {
      if (!continue_at_[i].has_value() || now < *continue_at_[i]) continue;
      kill(hits[i].pid, SIGCONT);
      continue_at_[i].reset();
    }
    for (auto& [instance, agent] : agents_) {
      if (!agent->Wait(absl::ZeroDuration()).has_value()) continue;
      Keep(instance, *agent);
      StartMigrator(instance, {});
    }
    for (const std::string& name : kCoordinators) {
      if (!cluster_.coordinator(name).Wait(absl::ZeroDuration()).has_value()) continue;
      Keep(name, cluster_.coordinator(name));
      // The leader that a takeover was from may be the one that takes over.
      const bool armed = cell_.point.scene == Scene::kTakeover && ++revivals_ == 1;
      StartCoordinator(name, armed ? ArmedIn("leader") : Environment{});
    }
  }

  // Until everybody is there again, everybody was let through, and the failpoint has acted.
  void Settle() {
    const bool settled = Eventually([&] {
      Tend();
      for (const auto& wake : continue_at_) {
        if (wake.has_value()) return false;
      }
      for (const auto& [instance, agent] : agents_) {
        if (!absl::StrContains(agent->stdout_text(), "open ")) return false;
      }
      return CountHits() > 0;
    });
    result_.hits = CountHits();
    if (result_.hits == 0) Problem("the failpoint did not act");
    if (!settled && result_.hits > 0) Problem("a gate stays closed");
  }

  int CountHits() const {
    int count = 0;
    for (const Hit& hit : ReadHits(log())) count += hit.name == cell_.point.name ? 1 : 0;
    return count;
  }

  // While the coordinators still run: nobody may have to be stopped for things to come in order.
  void End() {
    std::vector<std::string> left;
    auto admin = cluster_.db().Connect();
    (void)Eventually([&] {
      left = CheckNothingIsLeft(*admin);
      return left.empty();
    });
    for (const std::string& each : left) Problem(each);
    for (const std::string& each : CheckEffects(cluster_.db())) Problem(each);
    if (cluster_.db().Scalar("SELECT bool_and(state = 'succeeded') FROM lockstep.operation") !=
        "t") {
      Problem("the operation did not succeed");
    }
    const auto count = [&](const char* where) {
      return std::stoi(
          cluster_.db().Scalar(absl::StrCat("SELECT count(*) FROM lockstep.attempt", where)));
    };
    result_.runs = count("");
    result_.revoked = count(" WHERE outcome = 'revoked'");
    StopAll();
    (void)Eventually([&] {
      left = CheckInvariants(*admin);
      return left.empty();
    });
    for (const std::string& each : left) Problem("after the end: " + each);
  }

  // A failpoint that has not acted in every program may do so while they end.
  void StopAll() {
    for (auto& [instance, agent] : agents_) Stop(instance, *agent);
    for (const std::string& name : kCoordinators) Stop(name, cluster_.coordinator(name));
  }

  void Stop(const std::string& name, Subprocess& process) {
    const pid_t pid = process.pid();
    process.Signal(SIGTERM);
    std::optional<ExitStatus> exit;
    (void)Eventually([&] {
      if (WasHit(pid, "stop")) process.Signal(SIGCONT);
      exit = process.Wait(absl::ZeroDuration());
      return exit.has_value();
    });
    if (exit == ExitStatus{}) return;
    if (exit == ExitStatus{.signal = SIGKILL} && WasHit(pid, "kill")) return;
    Problem(name + " did not end well");
  }

  bool WasHit(pid_t pid, const std::string& action) const {
    for (const Hit& hit : ReadHits(log())) {
      if (hit.pid == pid && hit.action == action) return true;
    }
    return false;
  }

  void Problem(const std::string& what) { result_.problems.push_back(what); }
  std::string log() const { return directory_.File("hits"); }

  void Keep(const std::string& name, const Subprocess& process) {
    absl::StrAppend(&result_.logs, "== ", name, "\n", process.stderr_text());
  }

  void CollectLogs() {
    for (const auto& [instance, agent] : agents_) Keep(instance, *agent);
    for (const std::string& name : kCoordinators) {
      if (cluster_.has_coordinator(name)) Keep(name, cluster_.coordinator(name));
    }
  }

  const Cell& cell_;
  const absl::Duration two_ttls_;
  const TempDir directory_;
  Cluster cluster_;
  std::map<std::string, std::unique_ptr<Subprocess>> agents_;
  std::unique_ptr<Subprocess> bystander_;
  std::unique_ptr<postgres::Connection> snapshot_;
  std::optional<absl::Time> release_at_;                // The snapshot.
  std::vector<std::optional<absl::Time>> continue_at_;  // Of each hit that stopped a program.
  int revivals_ = 0;                                    // Of coordinators.
  CellResult result_;
};

}  // namespace

CellResult RunCell(PostgresServer& server, const Cell& cell) { return Run(server, cell).Do(); }

}  // namespace lockstep::testing
