#include <filesystem>

#include "absl/strings/str_cat.h"

#include "tests/bench/alembic.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"
#include "tests/support/repo_paths.h"

namespace lockstep::bench {
namespace {

using testing::ProgramPath;
using testing::TestDatabase;

// The table the loop keeps for itself.
constexpr char kLoopHistory[] = "history";
constexpr char kDirect[] = "upgrade --direct";
constexpr char kEngine[] = "engine: lease, fence, history, events";
constexpr char kAlembicVersion[] = "alembic_version";

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

// On a database that was never served neighbours share a transaction, elsewhere each has its own.
enum class Served { kNever, kYes };

void CheckGrouping(GovernedDatabase& governed, Served served, size_t migrations) {
  const auto transactions = static_cast<size_t>(governed.Transactions());
  Require(served == Served::kYes ? transactions == migrations : transactions < migrations,
          "migrations shared transactions where they should not, or did not where they should");
}

Contender Engine(Stage& stage, Chain& chain, Served served, double& set_up_seconds) {
  return {
      "engine", [&stage, &chain, served, &set_up_seconds] {
        GovernedDatabase governed(stage);
        PublishChain(governed.db(), chain.loaded);
        if (served == Served::kYes) governed.PretendServed();
        set_up_seconds = governed.set_up_seconds();
        const Sample sample = RunProgram(
            {.argv = {ProgramPath("bench-engine"), governed.db().conninfo(), governed.migrator()}});
        governed.CheckApplied(static_cast<int>(chain.loaded.migrations.size()), chain.schema);
        CheckGrouping(governed, served, chain.loaded.migrations.size());
        return sample;
      }};
}

// The command as CI runs it: process start, leadership, publishing, plan and operation included.
Contender Direct(Stage& stage, Chain& chain, Served served) {
  return {"direct", [&stage, &chain, served] {
            GovernedDatabase governed(stage);
            if (served == Served::kYes) governed.PretendServed();
            const Sample sample =
                RunProgram({.argv = {ProgramPath("lockstep"), "upgrade", "--direct", "--yes",
                                     "--database", governed.db().conninfo(), "--migrate-database",
                                     governed.migrator(), "--migrations", chain.directory}});
            governed.CheckApplied(static_cast<int>(chain.loaded.migrations.size()), chain.schema);
            CheckGrouping(governed, served, chain.loaded.migrations.size());
            return sample;
          }};
}

Contender Alembic(Stage& stage, Chain& chain, const std::string& project) {
  return {"Alembic", [&stage, &chain, project] {
            TestDatabase db({.server = &stage.server()});
            const Sample sample = RunProgram(AlembicUpgrade(project, db));
            Require(SchemaDigest(db, kAlembicVersion) == chain.schema,
                    "Alembic made another schema");
            return sample;
          }};
}

// Contender `ours` beside the loop, which is contender 0.
void AddLoop(Stage& stage, const Rounds& rounds, size_t ours, const std::string& benchmark,
             const std::string& measured, double target, const std::string& what) {
  stage.report().Add({.benchmark = benchmark,
                      .measured = measured,
                      .reference = "libpq loop",
                      .ratio = rounds.WallRatio(ours, 0),
                      .target = Target{target},
                      .context = absl::StrCat(Duration(rounds.Wall(ours)), " to ",
                                              Duration(rounds.Wall(0)), ", ", what)});
}

// What a release costs beside Alembic, wall and client processor time.
void AddAlembic(Stage& stage, const Rounds& rounds, size_t ours, size_t alembic,
                const std::string& measured) {
  stage.report().Add({.benchmark = "playground",
                      .measured = absl::StrCat("Alembic, to ", measured),
                      .reference = measured,
                      .ratio = rounds.WallRatio(alembic, ours),
                      .target = Target{3, true},
                      .context = absl::StrCat(Duration(rounds.Wall(alembic)), " to ",
                                              Duration(rounds.Wall(ours)))});
  stage.report().Add(
      {.benchmark = "playground",
       .measured = absl::StrCat("client CPU of ", measured),
       .reference = "Alembic",
       .ratio = rounds.CpuRatio(ours, alembic),
       .target = Target{0.05},
       .context = absl::StrCat(Duration(rounds.Cpu(ours)), " to ", Duration(rounds.Cpu(alembic)))});
}

}  // namespace

void Playground(Stage& stage) {
  Chain chain{.directory = testing::SourcePath("migrations"),
              .loaded = LoadChain(testing::SourcePath("migrations"))};
  double set_up = 0;
  std::vector<Contender> contenders = {
      LibpqLoop(stage, chain), Engine(stage, chain, Served::kYes, set_up),
      Direct(stage, chain, Served::kYes), Direct(stage, chain, Served::kNever)};
  (void)contenders[0].run();  // What its schema is compared with.
  const std::string alembic = AlembicVersion();
  testing::TempDir project;
  if (!alembic.empty()) {
    stage.report().Machine("Alembic", alembic);
    WriteAlembicProject(project.path(), chain.loaded);
    contenders.push_back(Alembic(stage, chain, project.path()));
    (void)contenders.back().run();  // Python compiles the revisions once.
  }
  const Rounds rounds = TakeTurns(contenders, stage.Choose(9, 2));
  AddLoop(stage, rounds, 2, "playground", kDirect, 1.2, "16 migrations");
  AddLoop(stage, rounds, 1, "playground", kEngine, 1.2, "16 migrations");
  AddLoop(stage, rounds, 3, "playground", absl::StrCat(kDirect, ", grouped"), 1.2, "16 migrations");
  if (alembic.empty()) {
    stage.report().Note("Alembic: not installed, not measured");
  } else {
    AddAlembic(stage, rounds, 2, contenders.size() - 1, kDirect);
  }
  stage.report().Note(absl::StrCat("setting up schema lockstep once a database: ", Duration(set_up),
                                   ", not part of the upgrades"));
}

void Generated(Stage& stage) {
  const int count = stage.Choose(1000, 60);
  testing::TempDir directory;
  WriteGeneratedChain(directory.File("chain"), count);
  Chain chain{.directory = directory.File("chain"), .loaded = LoadChain(directory.File("chain"))};
  double set_up = 0;
  const std::vector<Contender> contenders = {
      LibpqLoop(stage, chain), Engine(stage, chain, Served::kYes, set_up),
      Direct(stage, chain, Served::kYes), Engine(stage, chain, Served::kNever, set_up),
      Direct(stage, chain, Served::kNever)};
  (void)contenders[0].run();  // What its schema is compared with.
  const Rounds rounds = TakeTurns(contenders, stage.Choose(5, 1));
  AddLoop(stage, rounds, 2, "generated", kDirect, 1.3,
          absl::StrCat(count, " migrations one by one"));
  AddLoop(stage, rounds, 1, "generated", kEngine, 1.3,
          absl::StrCat(count, " migrations one by one"));
  AddLoop(stage, rounds, 4, "generated", absl::StrCat(kDirect, ", grouped"), 1.0,
          absl::StrCat(count, " migrations in groups"));
  AddLoop(stage, rounds, 3, "generated", absl::StrCat(kEngine, ", grouped"), 1.0,
          absl::StrCat(count, " migrations in groups"));
}

}  // namespace lockstep::bench
