#include "tests/chaos/workload.h"

#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

#include "tests/support/repo_paths.h"

namespace lockstep::chaos {
namespace {

constexpr int kMaxPending = 10;  // Then people wait for the upgrades.
constexpr int kRoundsPerContracts = 4;
constexpr char kDrainDeadline[] = "20s";
constexpr absl::Duration kCommandTimeout = absl::Seconds(180);
constexpr absl::Duration kPause = absl::Milliseconds(200);

}  // namespace

Workload::Workload(WorkloadOptions options, Chain* chain, Observer* observer, Journal* journal)
    : options_(std::move(options)),
      chain_(chain),
      observer_(observer),
      journal_(journal),
      random_(options_.seed) {}

Workload::~Workload() { Stop(); }

void Workload::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Workload::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

int Workload::Lockstep(std::vector<std::string> args) {
  args.insert(args.begin(), testing::ProgramPath("lockstep"));
  const testing::CommandResult result = testing::RunCommand(
      {.argv = args, .env = {{"LOCKSTEP_ADDRESS", options_.addresses}}}, kCommandTimeout);
  const int code = result.exit.has_value() ? result.exit->code : -1;
  if (!result.exit.has_value()) {
    journal_->Violation("L1", absl::StrCat("`lockstep ", args[1], "` did not end in time"));
  } else if (result.exit->signal != 0) {
    journal_->Violation("crash",
                        absl::StrCat("lockstep ", args[1], ": signal ", result.exit->signal));
  }
  if (code != 0) {
    std::ofstream(options_.log, std::ios::app)
        << absl::FormatTime(absl::Now()) << " " << absl::StrJoin(args, " ") << ": " << code << "\n"
        << result.err << "\n";
  }
  journal_->Count(absl::StrCat("lockstep ", args[1], " exit ", code));
  return code;
}

void Workload::Run() {
  while (!stopping_) {
    const Look look = observer_->last();
    if (growing_ && chain_->head() - look.applied < kMaxPending) {
      chain_->Grow(1 + static_cast<int>(random_() % 4));
    }
    if (chain_->head() > look.head) {
      Lockstep({"publish", "--migrations", chain_->folder()});
    }
    if (++rounds_ % kRoundsPerContracts == 0 || !growing_) RunContracts();
    Upgrade();
    if (!stopping_) absl::SleepFor(kPause);
  }
}

void Workload::Upgrade() {
  const int code = Lockstep({"upgrade", "--yes", "--timeout", "20s"});
  // 8: another operation runs, e.g. one whose start was in doubt. 1: a migration failed, after all
  // its tries; the next round starts another upgrade.
  if (code == 1) journal_->Count("upgrades that failed");
}

void Workload::RunContracts() {
  const Look look = observer_->last();
  // Also those behind `applied`, which is the newest version that is no contract.
  for (const int version : chain_->contracts(look.head)) {
    if (stopping_) return;
    if (observer_->Ran(version)) continue;
    std::vector<std::string> args = {"contract",
                                     absl::StrCat(version),
                                     "--accept-unknown",
                                     "the suite's own connections",
                                     "--yes",
                                     "--timeout",
                                     "20s"};
    // Behind a barrier until the fleet has drained, while releases go on, or at once or not at all
    // (5: a build that is not adapted still lives).
    const bool waits = random_() % 2 == 0;
    if (waits)
      args.insert(args.end(), {"--when-drained", "--deadline", kDrainDeadline, "--no-wait"});
    if (Lockstep(args) == 0) journal_->Count(waits ? "contracts begun" : "contracts run at once");
    return;
  }
}

}  // namespace lockstep::chaos
