#include <filesystem>

#include "absl/strings/str_cat.h"

#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"
#include "tests/support/repo_paths.h"

namespace lockstep::bench {
namespace {

using testing::ProgramPath;
using testing::TestDatabase;

// The table the loop keeps for itself.
constexpr char kLoopHistory[] = "history";

// The same chain for every contender of a benchmark, and what must come out of it.
struct Chain {
  std::string directory;
  chain::Chain loaded;
  std::string schema = "";  // What the reference made; compared with what the others make.
};

Contender LibpqLoop(Stage& stage, Chain& chain) {
  return {"libpq loop", [&stage, &chain] {
            TestDatabase db({.server = &stage.server()});
            const Sample sample = RunProgram(
                {.argv = {ProgramPath("bench-libpq-loop"), db.conninfo(), chain.directory}});
            const int applied = static_cast<int>(chain.loaded.migrations.size());
            Require(db.Scalar("SELECT count(*) FROM history") == absl::StrCat(applied),
                    "the libpq loop did not apply everything");
            chain.schema = SchemaDigest(db, kLoopHistory);
            return sample;
          }};
}

Contender Engine(Stage& stage, Chain& chain, double& set_up_seconds) {
  return {
      "engine", [&stage, &chain, &set_up_seconds] {
        GovernedDatabase governed(stage);
        governed.Publish(chain.loaded);
        set_up_seconds = governed.set_up_seconds();
        const Sample sample = RunProgram(
            {.argv = {ProgramPath("bench-engine"), governed.db().conninfo(), governed.migrator()}});
        if (chain.schema.empty()) (void)LibpqLoop(stage, chain).run();
        governed.CheckApplied(static_cast<int>(chain.loaded.migrations.size()), chain.schema);
        return sample;
      }};
}

}  // namespace

void Playground(Stage& stage) {
  Chain chain{.directory = testing::SourcePath("migrations"),
              .loaded = LoadChain(testing::SourcePath("migrations"))};
  double set_up = 0;
  const std::vector<Contender> contenders = {LibpqLoop(stage, chain), Engine(stage, chain, set_up)};
  const Rounds rounds = TakeTurns(contenders, stage.Choose(9, 2));
  stage.report().Add({.benchmark = "playground",
                      .measured = "engine: lease, fence, history, events",
                      .reference = "libpq loop",
                      .ratio = rounds.WallRatio(1, 0),
                      .target = Target{1.2},
                      .context = absl::StrCat(Duration(rounds.Wall(1)), " to ",
                                              Duration(rounds.Wall(0)), ", 16 migrations")});
  stage.report().Note(absl::StrCat("setting up schema lockstep once a database: ", Duration(set_up),
                                   ", not part of the upgrades"));
}

void Generated(Stage& stage) {
  const int count = stage.Choose(1000, 60);
  testing::TempDir directory;
  WriteGeneratedChain(directory.File("chain"), count);
  Chain chain{.directory = directory.File("chain"), .loaded = LoadChain(directory.File("chain"))};
  double set_up = 0;
  const std::vector<Contender> contenders = {LibpqLoop(stage, chain), Engine(stage, chain, set_up)};
  const Rounds rounds = TakeTurns(contenders, stage.Choose(5, 1));
  stage.report().Add(
      {.benchmark = "generated",
       .measured = "engine: lease, fence, history, events",
       .reference = "libpq loop",
       .ratio = rounds.WallRatio(1, 0),
       .target = Target{1.3},
       .context = absl::StrCat(Duration(rounds.Wall(1)), " to ", Duration(rounds.Wall(0)), ", ",
                               count, " migrations one by one")});
}

}  // namespace lockstep::bench
