// Whole jobs on a real server: what they do to the table, and what they leave in lockstep's own.
#include "engine/backfill/part.h"

#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "tests/backfill/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using backfill::PartEnd;
using backfill::PartOutcome;

constexpr char kFill[] =
    "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n-- lockstep:batch 500\n"
    "-- lockstep:section batch\n"
    "UPDATE t SET v = v + 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\nSELECT id FROM t WHERE v = 0;\n";

void MakeTable(BackfillDatabase& db, int rows) {
  db.RunScript(
      absl::StrCat("CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL DEFAULT 0); "
                   "INSERT INTO t SELECT 3 * g FROM generate_series(1, ",
                   rows, ") g; ANALYZE t"));
}

TEST(BackfillPart, EachRowIsDoneOnceAndTheJobIsVerified) {
  BackfillDatabase db;
  MakeTable(db, 5000);
  db.Publish("fill", kFill);
  EXPECT_EQ(db.Start("fill"), "started");
  EXPECT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "done");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
  EXPECT_EQ(db.Scalar("SELECT sum(rows_walked) || ' ' || sum(rows_changed) "
                      "FROM lockstep.backfill_range WHERE kind = 'range'"),
            "5000 5000");
  EXPECT_EQ(db.Scalar("SELECT total FROM lockstep.backfill"), "5000");
  EXPECT_GT(db.Batches("fill"), 3);
}

TEST(BackfillPart, AFinishedJobIsStartedAgainOnlyWhenAsked) {
  BackfillDatabase db;
  MakeTable(db, 10);
  db.Publish("fill", kFill);
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Start("fill"), "done");
  EXPECT_FALSE(db.Grant().has_value());
  EXPECT_EQ(db.Start("fill", /*again=*/true), "started");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "2 2");
}

TEST(BackfillPart, ABigTableIsCutIntoRangesWithoutGaps) {
  BackfillDatabase db;
  MakeTable(db, 60'000);
  db.Publish("fill", absl::StrCat("-- lockstep:ranges 4\n", kFill));
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "done");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
  EXPECT_EQ(db.Scalar("SELECT count(*) > 2 AND min(rows_walked) > 5000 "
                      "FROM lockstep.backfill_range WHERE kind = 'range'"),
            "t");
  EXPECT_EQ(db.Scalar("SELECT bool_and(position = high AND state = 'done') "
                      "FROM lockstep.backfill_range WHERE kind = 'range'"),
            "t");
}

// Nobody else would vacuum it.
TEST(BackfillPart, WhatIsDeadInTheTableDoesNotKeepItsVerification) {
  BackfillDatabase db;
  MakeTable(db, 60'000);
  db.RunScript("ALTER TABLE t SET (autovacuum_enabled = off)");
  db.Publish("fill", kFill);
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "done");
}

TEST(BackfillPart, UuidAndCompositeKeysAreWalked) {
  BackfillDatabase db;
  db.RunScript(
      "CREATE TABLE u (id uuid PRIMARY KEY, v int NOT NULL DEFAULT 0); "
      "INSERT INTO u SELECT gen_random_uuid() FROM generate_series(1, 2500); "
      "CREATE TABLE c (tenant text COLLATE \"C\", \"No\" int, v int NOT NULL DEFAULT 0, "
      "PRIMARY KEY (tenant, \"No\")); "
      "INSERT INTO c (tenant, \"No\") SELECT chr(65 + g % 40), g FROM generate_series(0, 2499) g");
  db.Publish("u",
             "-- lockstep:after 1\n-- lockstep:table u\n-- lockstep:key id\n"
             "-- lockstep:section batch\nUPDATE u SET v = v + 1 WHERE id > $1 AND id <= $2;");
  db.Publish("c",
             "-- lockstep:after 1\n-- lockstep:table public.c\n-- lockstep:key tenant, \"No\"\n"
             "-- lockstep:batch 300\n-- lockstep:section batch\n"
             "UPDATE c SET v = v + 1 WHERE (tenant, \"No\") > ($1, $2) AND "
             "(tenant, \"No\") <= ($3, $4);");
  db.Start("u");
  db.Start("c");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("u") + db.State("c"), "donedone");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM u"), "1 1");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM c"), "1 1");
}

TEST(BackfillPart, APartitionedTableIsWalkedThroughItsParent) {
  BackfillDatabase db;
  db.RunScript(
      "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL DEFAULT 0) PARTITION BY RANGE (id); "
      "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (1000); "
      "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (1000) TO (9000); "
      "INSERT INTO t SELECT g FROM generate_series(1, 4000) g");
  db.Publish("fill", kFill);
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "done");
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
}

TEST(BackfillPart, AnEmptyTableIsDoneAtOnceAndASeedIsOneBatch) {
  BackfillDatabase db;
  MakeTable(db, 0);
  db.Publish("fill", kFill);
  db.Publish("seed",
             "-- lockstep:after 1\nINSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING;\n"
             "INSERT INTO t VALUES (2, 1) ON CONFLICT DO NOTHING;\n");
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "done");
  db.Start("seed");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("seed"), "done");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM t"), "2");
}

TEST(BackfillPart, PrepareAndFinishRunOnceAsTheOwner) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.RunScript("CREATE TABLE log (what text, who text DEFAULT current_user)");
  db.Publish("fill", absl::StrCat("-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n"
                                  "-- lockstep:section prepare\nINSERT INTO log VALUES ('p');\n"
                                  "-- lockstep:section batch\n"
                                  "UPDATE t SET v = 1 WHERE id > $1 AND id <= $2;\n"
                                  "-- lockstep:section finish\nINSERT INTO log VALUES ('f');\n"));
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT string_agg(what, '' ORDER BY what DESC) FROM log"), "pf");
  EXPECT_EQ(db.Scalar("SELECT DISTINCT who FROM log"), db.db().RoleName("owner"));
}

TEST(BackfillPart, AVerificationThatFindsRowsSaysHowManyAndShowsThem) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.Publish("fill",
             "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n"
             "-- lockstep:section batch\n"
             "UPDATE t SET v = 1 WHERE id > $1 AND id <= $2 AND id % 30 <> 0;\n"
             "-- lockstep:section verify\nSELECT id FROM t WHERE v = 0 ORDER BY id;\n");
  db.Start("fill");
  ASSERT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.State("fill"), "failed");
  EXPECT_EQ(db.Scalar("SELECT rows_left || '|' || left_sample || '|' || look "
                      "FROM lockstep.backfill"),
            "10|(30) (60) (90) (120) (150)|SELECT id FROM t WHERE v = 0 ORDER BY id");
  EXPECT_EQ(db.Start("fill"), "started");  // All of it: the walk left rows behind.
}

TEST(BackfillPart, AStatementThatFailsEndsTheJobWithItsError) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.Publish("fill",
             "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n"
             "-- lockstep:section batch\nUPDATE t SET v = 1 / (id - 30) WHERE id > $1 AND id <= "
             "$2;\n");
  db.Start("fill");
  EXPECT_FALSE(db.RunAll().ok());
  EXPECT_EQ(db.State("fill"), "failed");
  EXPECT_EQ(db.Scalar("SELECT error->>'sqlstate' FROM lockstep.backfill"), "22012");
}

TEST(BackfillPart, ATableWithoutAFitKeyIsRefused) {
  BackfillDatabase db;
  db.RunScript("CREATE TABLE t (id bigint, n int NOT NULL, f float NOT NULL, v int)");
  for (const char* key : {"id", "n", "f", "missing"}) {
    db.Publish(absl::StrCat("by_", key),
               absl::StrCat("-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key ", key,
                            "\n-- lockstep:section batch\nUPDATE t SET v = 1 WHERE id > $1;"));
    db.Start(absl::StrCat("by_", key));
    EXPECT_EQ(base::ReasonOf(db.RunAll()), "BACKFILL_TABLE") << key;
    EXPECT_EQ(db.State(absl::StrCat("by_", key)), "failed") << key;
  }
}

TEST(BackfillPart, ATokenThatWasTakenAwayCommitsNothingMore) {
  BackfillDatabase db;
  MakeTable(db, 5000);
  db.Publish("fill", kFill);
  db.Start("fill", false, R"({"rate": 300})");
  ASSERT_EQ(db.Run(*db.Grant()).outcome, PartOutcome::kDone);  // Prepare.
  const auto part = db.Grant();
  ASSERT_TRUE(part.has_value());
  PartEnd end;
  std::thread runner([&] { end = db.Run(*part); });
  EXPECT_TRUE(Eventually([&] { return db.Batches("fill") > 0; }));
  EXPECT_TRUE(db.Revoke(*part));
  const std::string done = db.Scalar("SELECT sum(v) FROM t");
  runner.join();
  EXPECT_EQ(end.outcome, PartOutcome::kFenced);
  EXPECT_EQ(db.Scalar("SELECT sum(v) FROM t"), done);
  db.Set("fill", R"({"rate": null})");
  EXPECT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
}

// It begins no batch, so only its signs of life can tell it.
TEST(BackfillPart, AHolderThatStandsStillFindsOutThatItsPartWasTaken) {
  for (const bool paused : {true, false}) {
    BackfillDatabase db;
    MakeTable(db, 5000);
    db.Publish("fill", kFill);
    db.Start("fill", false, R"({"rate": 300})");
    ASSERT_EQ(db.Run(*db.Grant()).outcome, PartOutcome::kDone);  // Prepare.
    const auto part = db.Grant();
    ASSERT_TRUE(part.has_value());
    PartEnd end;
    std::thread runner([&] { end = db.Run(*part); });
    EXPECT_TRUE(Eventually([&] { return db.Batches("fill") > 0; }));
    if (paused) {
      db.Hold("fill", "paused");
    } else {
      const auto hour = [](int from_now) {
        return absl::FormatTime("%H:00", absl::Now() + absl::Hours(from_now), absl::UTCTimeZone());
      };
      db.Set("fill", absl::StrCat(R"({"window": ")", hour(6), "-", hour(7), R"("})"));
    }
    EXPECT_TRUE(Eventually([&] { return !db.Stands("fill").empty(); }));
    EXPECT_TRUE(db.Revoke(*part));
    runner.join();  // Else it would stand there for ever.
    EXPECT_EQ(end.outcome, PartOutcome::kFenced);
  }
}

TEST(BackfillPart, ARevokeWaitsForTheOpenBatch) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.Publish("fill", kFill);
  db.Start("fill");
  ASSERT_EQ(db.Run(*db.Grant()).outcome, PartOutcome::kDone);
  const auto part = db.Grant();
  auto holder = db.db().Connect();
  ASSERT_THAT(holder->RunScript("BEGIN"), IsOk());
  ASSERT_THAT(
      holder->Query("SELECT lockstep.backfill_open($1, $2)",
                    {postgres::Param(part->token.epoch), postgres::Param(part->token.lease_id)}),
      IsOk());
  bool revoked = false;
  std::thread revoker([&] { revoked = db.Revoke(*part); });
  EXPECT_TRUE(Eventually([&] {
    const auto waits = db.db().Connect()->Query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
        "current_database() AND query LIKE '%backfill_revoke%'");
    return waits.ok() && !waits->empty();
  }));
  ASSERT_THAT(holder->RunScript("COMMIT"), IsOk());
  revoker.join();
  EXPECT_TRUE(revoked);
}

TEST(BackfillPart, APausedJobStandsStillAndACancelledOneGivesItsPartBack) {
  BackfillDatabase db;
  MakeTable(db, 5000);
  db.Publish("fill", kFill);
  db.Start("fill", false, R"({"rate": 500})");
  ASSERT_EQ(db.Run(*db.Grant()).outcome, PartOutcome::kDone);
  const auto part = db.Grant();
  ASSERT_TRUE(part.has_value());
  PartEnd end;
  std::thread runner([&] { end = db.Run(*part); });
  EXPECT_TRUE(Eventually([&] { return db.Batches("fill") > 0; }));
  db.Hold("fill", "paused");
  EXPECT_TRUE(Eventually([&] { return db.Stands("fill") == "it is paused"; }));
  const int64_t batches = db.Batches("fill");
  db.Hold("fill", "running");
  EXPECT_TRUE(Eventually([&] { return db.Batches("fill") > batches; }));
  EXPECT_TRUE(Eventually([&] { return db.Stands("fill").empty(); }));
  db.Hold("fill", "cancelled");
  runner.join();
  EXPECT_EQ(end.outcome, PartOutcome::kGivenBack);
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.backfill_range WHERE state = 'held'"), "0");
  EXPECT_EQ(db.Start("fill"), "resumed");
  EXPECT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
}

// Its helpers have connections of their own. That there is none for them ends no job: it was so in
// the moment in which a server came back.
TEST(BackfillPart, AConnectionThatIsNotToBeHadIsAskedForAgain) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.Publish("fill", kFill);
  db.Start("fill");
  ASSERT_EQ(db.Run(*db.Grant()).outcome, PartOutcome::kDone);
  const auto part = db.Grant();
  ASSERT_TRUE(part.has_value());
  const auto limit = [&](int connections) {
    db.db().Query(absl::StrCat("ALTER ROLE ", db.agent(), " CONNECTION LIMIT ", connections));
  };
  limit(1);  // Its own.
  const PartEnd end = db.Run(*part);
  EXPECT_EQ(end.outcome, PartOutcome::kGivenBack) << end.status;
  EXPECT_EQ(base::ReasonOf(end.status), "DATABASE_RESOURCES") << end.status;
  EXPECT_EQ(db.State("fill"), "running");
  limit(-1);
  EXPECT_TRUE(Eventually([&] { return db.RunAll().ok() && db.State("fill") == "done"; }));
}

TEST(BackfillPart, StartingOneThatRunsTellsItHow) {
  BackfillDatabase db;
  MakeTable(db, 100);
  db.Publish("fill", kFill);
  db.Start("fill", false, R"({"rate": 500})");
  EXPECT_EQ(db.Start("fill", false, R"({"batch": 50})"), "running");
  EXPECT_EQ(db.Scalar("SELECT settings - 'max_active' FROM lockstep.backfill"),
            R"({"rate": 500, "batch": 50})");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = 'backfill_set'"), "1");
}

TEST(BackfillPart, WhatWasStartedIsNotPublishedWithOtherContent) {
  BackfillDatabase db;
  MakeTable(db, 10);
  const std::string first = absl::StrCat("-- lockstep:rate 5\n", kFill);
  db.Publish("fill", first);
  db.Publish("fill", kFill);  // Not started yet.
  db.Start("fill");
  EXPECT_THROW(db.Publish("fill", first), std::exception);
}

}  // namespace
}  // namespace lockstep::testing
