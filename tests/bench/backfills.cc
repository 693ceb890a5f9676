// A backfill against one UPDATE and against batches by a keyset CTE with a row trigger, while a
// writer changes rows by key: throughput, the writer's waits, the table's growth.
#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

#include "tests/backfill/fixture.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"

namespace lockstep::bench {
namespace {

using testing::BackfillDatabase;

constexpr absl::Duration kEvery = absl::Milliseconds(25);
constexpr char kJob[] =
    "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n-- lockstep:section batch\n"
    "UPDATE t SET c = upper(v) WHERE id > $1 AND id <= $2 AND c IS NULL;\n"
    "-- lockstep:section verify\nSELECT id FROM t WHERE c IS NULL;\n";

// Updates a row by its key each 25 ms; a wait counts from when it was due.
class Writer {
 public:
  // Of two on one table each has a seed of its own: rows that the first one wrote lie at the end of
  // the table, where an UPDATE comes last.
  Writer(testing::TestDatabase& db, int rows, unsigned seed) : connection_(db.Connect()) {
    thread_ = std::thread([this, rows, seed] { Run(rows, seed); });
  }
  // Milliseconds of each write.
  std::vector<double> Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    Require(error_.empty(), error_);
    return waits_;
  }
  ~Writer() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run(int rows, unsigned seed) {
    std::mt19937 random(seed);
    (void)connection_->RunScript("SET statement_timeout = 0; SET lock_timeout = 0");
    for (absl::Time due = absl::Now(); !stopping_; due += kEvery) {
      absl::SleepFor(due - absl::Now());
      const int id = static_cast<int>(random() % static_cast<unsigned>(rows)) + 1;
      const auto written = connection_->Query("UPDATE t SET touched = touched + 1 WHERE id = $1",
                                              {postgres::Param(id)});
      if (!written.ok()) error_ = std::string(written.status().message());
      if (written.ok()) waits_.push_back(absl::ToDoubleMilliseconds(absl::Now() - due));
    }
  }

  std::unique_ptr<postgres::Connection> connection_;
  std::atomic<bool> stopping_{false};
  std::vector<double> waits_;
  std::string error_;
  std::thread thread_;
};

struct Outcome {
  double seconds = 0;
  double growth = 0;
  std::vector<double> waits;
  std::vector<double> alone;  // Before it began.
};

double SizeOf(BackfillDatabase& db) {
  double size = 0;
  Require(absl::SimpleAtod(db.Scalar("SELECT pg_table_size('t')"), &size), "size");
  return size;
}

void Fill(BackfillDatabase& db, int rows) {
  db.RunScript(absl::StrCat(
      "CREATE TABLE t (id bigint PRIMARY KEY, v text, pad text, touched int NOT NULL DEFAULT 0, "
      "c text); INSERT INTO t SELECT g, md5(g::text), repeat('x', 70) FROM generate_series(1, ",
      rows, ") g"));
  db.db().Query("VACUUM ANALYZE t");
  db.db().Query("CHECKPOINT");
}

Outcome Measure(Stage& stage, int rows, const std::function<void(BackfillDatabase&)>& run) {
  BackfillDatabase db(&stage.server());
  auto connection = db.db().Connect();
  Require(connection->RunScript("SET statement_timeout = 0").ok(), "connection");
  Fill(db, rows);
  Outcome out;
  {
    Writer alone(db.db(), rows, 7);
    absl::SleepFor(absl::Seconds(stage.Choose(5, 1)));
    out.alone = alone.Stop();
  }
  const double before = SizeOf(db);
  Writer writer(db.db(), rows, 8);
  const double start = Now();
  run(db);
  out.seconds = Now() - start;
  out.waits = writer.Stop();
  out.growth = SizeOf(db) / before;
  Require(db.Scalar("SELECT count(*) FROM t WHERE c IS NULL") == "0", "rows were left");
  return out;
}

void OneUpdate(BackfillDatabase& db) {
  auto connection = db.db().Connect();
  Require(connection->RunScript("SET statement_timeout = 0; UPDATE t SET c = upper(v)").ok(),
          "UPDATE");
}

// A thousand rows at a time, locked by a CTE; a trigger in PL/pgSQL computes the value.
void KeysetWithTrigger(BackfillDatabase& db) {
  db.RunScript(
      "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.c IS NULL THEN NEW.c := upper(NEW.v); END IF; RETURN NEW; END $$; "
      "CREATE TRIGGER fill BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fill()");
  auto connection = db.db().Connect();
  Require(connection->RunScript("SET statement_timeout = 0").ok(), "connection");
  std::string last = "0";
  for (;;) {
    const auto moved = connection->Query(
        "WITH batch AS (SELECT id FROM t WHERE id > $1 ORDER BY id LIMIT 1000 FOR NO KEY UPDATE), "
        "done AS (UPDATE t SET v = t.v FROM batch WHERE t.id = batch.id RETURNING t.id) "
        "SELECT max(id) FROM done",
        {postgres::Param(last)});
    Require(moved.ok(), "batch");
    if (moved->only().IsNull(0)) return;
    last = moved->only().Text(0);
  }
}

void Lockstep(BackfillDatabase& db) {
  db.Publish("fill", kJob);
  db.Start("fill");
  const absl::Status done = db.RunAll();
  Require(done.ok(), std::string(done.message()));
  Require(db.State("fill") == "done", "the backfill is not done");
}

std::string Figures(const Outcome& outcome, int rows) {
  return absl::StrFormat("%.0f k rows/s, writer p99 %.1f max %.0f ms, growth %.2f",
                         rows / outcome.seconds / 1000, Percentile(outcome.waits, 99),
                         Percentile(outcome.waits, 100), outcome.growth);
}

void OfSize(Stage& stage, int rows, int rounds) {
  const std::string size = absl::StrFormat("%.2g M rows", rows / 1e6);
  std::vector<double> to_update;
  std::vector<double> to_keyset;
  std::vector<double> p99;
  std::vector<double> longest;
  std::vector<double> growth;
  Outcome last;
  for (int i = 0; i < rounds; ++i) {
    const Outcome update = Measure(stage, rows, OneUpdate);
    const Outcome keyset = Measure(stage, rows, KeysetWithTrigger);
    last = Measure(stage, rows, Lockstep);
    to_update.push_back(update.seconds / last.seconds);
    to_keyset.push_back(keyset.seconds / last.seconds);
    p99.push_back(Percentile(last.waits, 99) / Percentile(last.alone, 99));
    longest.push_back(Percentile(last.waits, 100));
    growth.push_back(last.growth);
    stage.report().Note(absl::StrCat("backfill of ", size, ": one UPDATE ", Figures(update, rows),
                                     "; keyset with trigger ", Figures(keyset, rows), "; lockstep ",
                                     Figures(last, rows)));
  }
  const auto add = [&](const std::string& reference, double ratio, Target target) {
    stage.report().Add({.benchmark = "backfill",
                        .measured = absl::StrCat("lockstep, ", size),
                        .reference = reference,
                        .ratio = ratio,
                        .target = target,
                        .context = Figures(last, rows)});
  };
  add("one UPDATE, rows a second", Median(to_update), {.ratio = 0.9, .at_least = true});
  add("keyset CTE with row trigger, rows a second", Median(to_keyset),
      {.ratio = 1.7, .at_least = true});
  add("the writer alone, p99", Median(p99), {.ratio = 3});
  add("200 ms, the writer's longest wait", Median(longest) / 200, {.ratio = 1});
  add("the table before", Median(growth), {.ratio = 1.3});
}

}  // namespace

void Backfills(Stage& stage) {
  OfSize(stage, stage.Choose(1'000'000, 60'000), stage.Choose(3, 1));
  if (!stage.quick()) OfSize(stage, 5'000'000, 1);
}

}  // namespace lockstep::bench
