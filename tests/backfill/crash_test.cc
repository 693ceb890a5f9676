// PostgreSQL and its backends are killed in the middle of a job. More rounds, and the moments by
// another seed: LOCKSTEP_BACKFILL_ROUNDS, LOCKSTEP_BACKFILL_SEED (docs/backfills.md).
#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/backfill/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/postgres_server.h"

namespace lockstep::testing {
namespace {

constexpr int kRows = 20'000;

int FromEnvironment(const char* name, int otherwise) {
  int value = otherwise;
  const char* const text = std::getenv(name);
  if (text != nullptr) (void)absl::SimpleAtoi(text, &value);
  return value;
}

std::string Job(bool durable) {
  return absl::StrCat("-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n",
                      durable ? "-- lockstep:durable\n" : "",
                      "-- lockstep:batch 200\n-- lockstep:section prepare\n"
                      "ALTER TABLE t ADD COLUMN IF NOT EXISTS w text;\n"
                      "-- lockstep:section batch\n"
                      "UPDATE t SET v = v + 1, w = md5(id::text) WHERE id > $1 AND id <= $2;\n"
                      "-- lockstep:section verify\nSELECT id FROM t WHERE w IS NULL;\n");
}

// Whether every cursor is where it was, or further.
class Cursors {
 public:
  explicit Cursors(BackfillDatabase& db) : db_(db) {}
  void ExpectNoneMovedBack() {
    const std::string now = db_.Scalar(
        "SELECT coalesce(sum((coalesce(position, low))[1]::bigint), 0) "
        "FROM lockstep.backfill_range WHERE kind = 'range'");
    int64_t sum = 0;
    ASSERT_TRUE(absl::SimpleAtoi(now, &sum));
    EXPECT_GE(sum, last_);
    last_ = sum;
  }

 private:
  BackfillDatabase& db_;
  int64_t last_ = 0;
};

// What the database knows of a job that does not go on.
std::string Told(BackfillDatabase& db) {
  return db.Scalar(
      "SELECT concat_ws(' ', b.state, b.error, (SELECT string_agg(concat_ws(' ', x.kind, x.state, "
      "x.holder, x.expires_at, x.error), '; ') FROM lockstep.backfill_range x)) "
      "FROM lockstep.backfill b");
}

void RunRound(PostgresServer& server, bool durable, std::mt19937& random) {
  BackfillDatabase db(&server);
  db.RunScript(
      absl::StrCat("CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL DEFAULT 0); "
                   "INSERT INTO t SELECT g FROM generate_series(1, ",
                   kRows, ") g"));
  db.Publish("fill", Job(durable));
  db.Start("fill", false, R"({"ignore": ["transaction", "dead-tuples"]})");
  Cursors cursors(db);
  std::uniform_int_distribution<int> moment(5, 400);
  for (int tries = 0; tries < 50 && db.State("fill") != "done"; ++tries) {
    // One that was given back rests for a moment.
    std::optional<backfill::PartSpec> part;
    ASSERT_TRUE(Eventually([&] { return (part = db.Grant()).has_value(); })) << Told(db);
    backfill::PartEnd end;
    std::thread runner([&] { end = db.Run(*part); });
    // A few strokes, then it is left to finish.
    const bool strike = tries < 4;
    if (strike) {
      absl::SleepFor(absl::Milliseconds(moment(random)));
      if (random() % 2 == 0) {
        db.db().Query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
            "application_name LIKE 'lockstep:%' AND datname = current_database()");
      } else {
        server.Kill();
        ASSERT_THAT(server.Start(), IsOk());
        db.Reconnect();
      }
    }
    runner.join();
    cursors.ExpectNoneMovedBack();
    if (end.outcome == backfill::PartOutcome::kLost) (void)db.Revoke(*part);
    // What was promised to be there is: with durable batches also after a crash.
    EXPECT_EQ(db.Scalar("SELECT coalesce(max(v), 0) <= 1 FROM t"), "t");
  }
  EXPECT_EQ(db.State("fill"), "done");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
  EXPECT_EQ(db.Scalar("SELECT md5(string_agg(id || w, ',' ORDER BY id)) FROM t"),
            db.Scalar(absl::StrCat("SELECT md5(string_agg(g || md5(g::text), ',' ORDER BY g)) "
                                   "FROM generate_series(1, ",
                                   kRows, ") g")));
}

TEST(BackfillCrash, EachRowIsDoneOnceAndNoCursorMovesBack) {
  const int rounds = FromEnvironment("LOCKSTEP_BACKFILL_ROUNDS", 2);
  std::mt19937 random(FromEnvironment("LOCKSTEP_BACKFILL_SEED", 20261123));
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  for (int i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("round ", i, i % 2 == 0 ? ", durable" : ""));
    RunRound(server, i % 2 == 0, random);
  }
}

}  // namespace
}  // namespace lockstep::testing
