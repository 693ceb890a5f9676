// Plays many schedules of holders, leaders and faults against a PostgreSQL of its own; see --help.
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"

#include "engine/base/log.h"
#include "tests/mutations/mutation.h"
#include "tests/schedules/player.h"
#include "tests/support/invariant_checks.h"

namespace lockstep::testing {
namespace {

constexpr char kUsage[] =
    R"(Usage: lockstep-schedules [--seed N] [--schedules N] [--first N] [--mutation NAME]

Applies data migrations (UPDATE ... SET n = n + 1) while leases expire, backends die, connections
break in and around the COMMIT, leaders change; N times, with at least one fault each. Exits 0 when
every n is 1 and every other promise held (tests/schedules/player.h), and when every kind of fault
happened and one schedule in twenty had a fenced holder.

  --seed N          decides what happens (default 1)
  --schedules N     how many (default 300)
  --first N         the number of the first (default 0): with --schedules 1 one is played again
  --mutation NAME   with that rule taken out of the SQL functions (tests/mutations): exits 0 when an
                    n is not 1 within the schedules, or for a mutation other than `unfenced` when
                    anything is violated
)";

// How many schedules share a database: the fewer, the more time goes into making one.
constexpr int kPerWorld = 250;

struct Flags {
  uint64_t seed = 1;
  int schedules = 300;
  int first = 0;
  std::string mutation;
};

std::optional<Flags> Parse(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    bool good = false;
    if (name == "--seed") good = absl::SimpleAtoi(value, &flags.seed);
    if (name == "--schedules") good = absl::SimpleAtoi(value, &flags.schedules);
    if (name == "--first") good = absl::SimpleAtoi(value, &flags.first);
    if (name == "--mutation") {
      flags.mutation = value;
      good = FindMutation(value) != nullptr;
    }
    if (!good) return std::nullopt;
  }
  if (argc % 2 == 0 || flags.schedules < 1) return std::nullopt;
  return flags;
}

// The last lines that were logged, for the story that failed.
class Log {
 public:
  Log() {
    base::SetLogCapture([this](base::LogLevel, const std::string& line) {
      base::MutexLock lock(mu_);
      lines_.push_back(line);
      if (lines_.size() > kLines) lines_.pop_front();
    });
  }
  ~Log() { base::SetLogCapture({}); }
  std::string Text() {
    base::MutexLock lock(mu_);
    return absl::StrJoin(lines_, "\n");
  }
  void Clear() {
    base::MutexLock lock(mu_);
    lines_.clear();
  }

 private:
  static constexpr size_t kLines = 200;
  base::Mutex mu_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mu_);
};

// A world with its player.
struct Stage {
  Stage(bool served, const std::string& mutation, Tally& tally) : world(served) {
    if (!mutation.empty()) Require(Install(*world.db().Connect(), *FindMutation(mutation)));
    player = std::make_unique<Player>(world, tally);
  }
  World world;
  std::unique_ptr<Player> player;
};

// What is wrong in a database in which everything has ended; empty without one.
std::vector<std::string> LookAt(Stage* stage) {
  if (stage == nullptr) return {};
  return CheckNothingIsLeft(*stage->world.db().Connect());
}

// Plays the schedules of `flags` up to the first violation; returns the exit code.
class Show {
 public:
  explicit Show(const Flags& flags) : flags_(flags) {}

  int Run() {
    for (played_ = 0; played_ < flags_.schedules; ++played_) {
      if (played_ % kPerWorld == 0) {
        if (const auto left = LookAt(stage_.get()); !left.empty()) return End("in the end", left);
        // Mutations are of single transactions, so nothing may share one.
        const bool served = !flags_.mutation.empty() || played_ / kPerWorld % 2 == 0;
        stage_.reset();
        stage_ = std::make_unique<Stage>(served, flags_.mutation, tally_);
      }
      const Story story = DrawStory(flags_.seed, flags_.first + played_);
      log_.Clear();
      const std::vector<std::string> violations = stage_->player->Play(story);
      if (!violations.empty()) return End(Describe(story), violations);
    }
    if (const auto left = LookAt(stage_.get()); !left.empty()) return End("in the end", left);
    return End();
  }

 private:
  int End(const std::string& where, const std::vector<std::string>& violations) {
    const std::string what = absl::StrJoin(violations, "\n  ");
    std::printf("%s\n  %s\n", where.c_str(), what.c_str());
    if (flags_.mutation.empty()) {
      std::printf("%s\n\n%s\n", log_.Text().c_str(), Report(tally_).c_str());
      return 1;
    }
    const bool caught = flags_.mutation != "unfenced" || absl::StrContains(what, "counter ");
    std::printf("mutation %s %s by schedule %d of %d, in %s\n", flags_.mutation.c_str(),
                caught ? "caught" : "broke something else", played_ + 1, flags_.schedules,
                absl::FormatDuration(absl::Now() - begin_).c_str());
    return caught ? 0 : 1;
  }

  int End() {
    const absl::Duration took = absl::Now() - begin_;
    std::printf("%s\n%.1f s, %.1f ms a schedule\n", Report(tally_).c_str(),
                absl::ToDoubleSeconds(took), absl::ToDoubleMilliseconds(took) / flags_.schedules);
    if (!flags_.mutation.empty()) {
      std::printf("mutation %s SURVIVED\n", flags_.mutation.c_str());
      return 1;
    }
    const std::vector<std::string> shortcomings = Shortcomings(tally_);
    for (const std::string& each : shortcomings) std::printf("NOT TESTED: %s\n", each.c_str());
    return shortcomings.empty() ? 0 : 1;
  }

  const Flags flags_;
  const absl::Time begin_ = absl::Now();
  Log log_;
  Tally tally_;
  int played_ = 0;
  std::unique_ptr<Stage> stage_;
};

}  // namespace
}  // namespace lockstep::testing

int main(int argc, char** argv) {
  const auto flags = lockstep::testing::Parse(argc, argv);
  if (!flags.has_value()) {
    std::fputs(lockstep::testing::kUsage, stderr);
    return 2;
  }
  try {
    return lockstep::testing::Show(*flags).Run();
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
