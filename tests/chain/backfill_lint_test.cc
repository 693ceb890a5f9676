#include "engine/chain/backfill_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kTables[] =
    "CREATE TABLE orders (id bigint PRIMARY KEY, tenant int NOT NULL, total numeric, "
    "cents bigint DEFAULT 0); CREATE TABLE shops (id int PRIMARY KEY, name text);";
constexpr char kHead[] = "-- lockstep:after 1\n-- lockstep:table orders\n-- lockstep:key id\n";
constexpr char kTwoKeys[] =
    "-- lockstep:after 1\n-- lockstep:table orders\n-- lockstep:key tenant, id\n";
constexpr char kGood[] = "UPDATE orders SET cents = total * 100 WHERE id > $1 AND id <= $2;\n";

Migration At(Version version, const std::string& sql) {
  auto migration = ReadMigration(absl::StrCat("00", version, "_step.sql"), sql);
  EXPECT_TRUE(migration.ok()) << migration.status();
  return *std::move(migration);
}

Backfill Job(const std::string& text) {
  auto job = ReadBackfill("backfills/fill.sql", text);
  EXPECT_TRUE(job.ok()) << job.status();
  return *std::move(job);
}

std::string Section(const std::string& name, const std::string& sql) {
  return absl::StrCat("-- lockstep:section ", name, "\n", sql, "\n");
}
std::string Batch(const std::string& sql) { return absl::StrCat(kHead, Section("batch", sql)); }

std::vector<sql::Finding> Lint(const Backfill& job, std::vector<Migration> chain = {}) {
  if (chain.empty()) chain.push_back(At(1, kTables));
  sql::model::Database empty;
  empty.complete = true;
  return LintBackfills({&job, 1}, chain, {}, std::move(empty))[0];
}

// "rule:line", "(rule:line)" when it is allowed.
std::vector<std::string> Rules(const std::string& text, std::vector<Migration> chain = {}) {
  const Backfill job = Job(text);
  std::vector<std::string> rules;
  for (const sql::Finding& finding : Lint(job, std::move(chain))) {
    const std::string rule = absl::StrCat(sql::InfoOf(finding.rule).id, ":",
                                          sql::PositionOf(job.sql, finding.offset).line);
    rules.push_back(finding.allowed.empty() ? rule : absl::StrCat("(", rule, ")"));
  }
  return rules;
}

TEST(BackfillLint, AGoodJobHasNoFindings) {
  EXPECT_THAT(
      Rules(absl::StrCat(kHead, Section("prepare", "CREATE TABLE done (id bigint PRIMARY KEY);"),
                         Section("batch", absl::StrCat(kGood,
                                                       "INSERT INTO done SELECT id FROM orders "
                                                       "WHERE id > $1 AND id <= $2;")),
                         Section("verify", "SELECT id FROM orders WHERE cents = 0 AND total > 0;"),
                         Section("finish", "DROP TABLE done;"))),
      IsEmpty());
  // A seed.
  EXPECT_THAT(
      Rules("-- lockstep:after 1\nINSERT INTO shops VALUES (1, 'a') ON CONFLICT DO NOTHING"),
      IsEmpty());
}

TEST(BackfillLint, ColumnsThatNobodyFillsAreFoundWhereTheyAreSet) {
  const std::vector<Migration> chain = {At(1, kTables),
                                        At(2, "ALTER TABLE orders ALTER cents DROP DEFAULT;")};
  const std::string late =
      absl::StrCat("-- lockstep:after 2\n-- lockstep:table orders\n-- lockstep:key id\n",
                   Section("batch", "UPDATE orders\n  SET cents = 1 WHERE id > $1 AND id <= $2;"));
  EXPECT_THAT(Rules(late, chain), ElementsAre("backfill-not-covered:6"));
  const std::string prepared = absl::StrCat(
      "-- lockstep:after 2\n-- lockstep:table orders\n-- lockstep:key id\n",
      Section("prepare",
              "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f();"),
      Section("batch", kGood));
  EXPECT_THAT(Rules(prepared, chain), ElementsAre("create-trigger:5"));
  EXPECT_THAT(
      Rules(absl::StrCat("-- lockstep:allow backfill-not-covered nobody writes\n", late), chain),
      ElementsAre("(backfill-not-covered:7)"));
}

TEST(BackfillLint, ABatchThatGoesBeyondItsRangeIsFound) {
  for (const char* const batch :
       {"UPDATE orders SET cents = 1 WHERE cents = 0;", "DELETE FROM orders WHERE id > $1;",
        "UPDATE orders o SET cents = round(o.total) WHERE lower('A') = 'a';",
        "INSERT INTO shops SELECT id FROM orders ON CONFLICT DO NOTHING;",
        "WITH gone AS (DELETE FROM orders WHERE id > $1 RETURNING id) INSERT INTO shops SELECT id "
        "FROM gone;"}) {
    EXPECT_THAT(Rules(Batch(batch)), ElementsAre("backfill-whole-table:5")) << batch;
  }
  EXPECT_THAT(Rules(absl::StrCat(kTwoKeys, Section("batch",
                                                   "UPDATE orders SET cents = 1 WHERE (tenant, id) "
                                                   "> ($1, $2);"))),
              ElementsAre("backfill-whole-table:5"));
  const Backfill two = Job(
      absl::StrCat(kTwoKeys, Section("batch", "DELETE FROM orders WHERE (tenant, id) > ($1, $2)")));
  EXPECT_EQ(Lint(two).at(0).hint, "WHERE (tenant, id) > ($1, $2) AND (tenant, id) <= ($3, $4)");
}

TEST(BackfillLint, WhatSomethingElseMayBoundIsLeftAlone) {
  for (const char* const batch :
       {"UPDATE orders SET cents = 1 WHERE id BETWEEN $1 AND $2;",
        "UPDATE orders SET cents = 1 FROM shops WHERE shops.id = orders.id;",
        "DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE cents = 0 LIMIT 100);",
        "UPDATE orders SET cents = 1 WHERE id = next_of('orders');",
        "UPDATE orders SET cents = 1 WHERE id < current_setting('my.high')::bigint;",
        "UPDATE shops SET name = 'x' WHERE id = 1;", "SELECT set_config('work_mem', '1GB', true);",
        "INSERT INTO shops VALUES (1, 'x') ON CONFLICT DO NOTHING;"}) {
    EXPECT_THAT(Rules(Batch(batch)), IsEmpty()) << batch;
  }
}

TEST(BackfillLint, ParametersThatNobodyGivesAreFound) {
  EXPECT_THAT(Rules(absl::StrCat(kHead, Section("prepare", "DELETE FROM shops WHERE id > $1;"),
                                 Section("batch", kGood),
                                 Section("verify", "SELECT id FROM orders\nWHERE id <= $2;"))),
              ElementsAre("backfill-parameter:5", "backfill-parameter:11"));
  EXPECT_THAT(Rules(Batch("UPDATE orders SET cents = $3 WHERE id > $1 AND id <= $2;")),
              ElementsAre("backfill-parameter:5"));
  EXPECT_THAT(Rules("-- lockstep:after 1\nDELETE FROM shops WHERE id = $1;"),
              ElementsAre("backfill-parameter:2"));
  // Those of functions and of prepared statements are others.
  EXPECT_THAT(Rules(absl::StrCat(kHead,
                                 Section("prepare",
                                         "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql "
                                         "RETURN 2 * $1;"),
                                 Section("batch", kGood))),
              IsEmpty());
}

TEST(BackfillLint, AVerificationIsAPlainQuery) {
  for (const char* const verify :
       {"UPDATE orders SET cents = 1 WHERE cents = 0 RETURNING id;", "EXPLAIN SELECT 1;",
        "SELECT id INTO rest FROM orders;", "SELECT id FROM orders FOR UPDATE;",
        "WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM d;"}) {
    EXPECT_THAT(Rules(absl::StrCat(Batch(kGood), Section("verify", verify))),
                ElementsAre("backfill-verify-no-query:8"))
        << verify;
  }
  for (const char* const verify :
       {"VALUES (1);", "TABLE orders;", "WITH o AS (SELECT id FROM orders) SELECT id FROM o;",
        "SELECT id FROM orders UNION SELECT id FROM shops ORDER BY 1 LIMIT 3;"}) {
    EXPECT_THAT(Rules(absl::StrCat(Batch(kGood), Section("verify", verify))), IsEmpty()) << verify;
  }
}

TEST(BackfillLint, WhatIsNeededHasToBeVerified) {
  const std::vector<Migration> chain = {
      At(1, kTables),
      At(2, "-- lockstep:needs-backfill fill\nALTER TABLE orders ALTER cents SET NOT NULL;")};
  EXPECT_THAT(Rules(Batch(kGood), chain), ElementsAre("backfill-no-verify:2"));
  EXPECT_THAT(Rules(absl::StrCat(Batch(kGood), Section("verify", "SELECT 1 WHERE false")), chain),
              IsEmpty());
}

TEST(BackfillLint, AContractBelongsIntoAMigration) {
  EXPECT_THAT(
      Rules(absl::StrCat(Batch(kGood), Section("finish", "ALTER TABLE orders DROP COLUMN total;"))),
      ElementsAre("backfill-contract:8"));
  const auto findings = Lint(Job(absl::StrCat(
      Batch(kGood), Section("finish", "ALTER TABLE orders ALTER cents SET NOT NULL;"))));
  ASSERT_FALSE(findings.empty());
  EXPECT_THAT(findings.back().hint, HasSubstr("needs-backfill fill"));
}

TEST(BackfillLint, LocksAreJudgedAsInAMigration) {
  const std::string blocking = absl::StrCat(
      kHead, Section("prepare", "CREATE INDEX o ON orders (cents);"), Section("batch", kGood));
  EXPECT_THAT(Rules(blocking), ElementsAre("create-index-blocking:5"));
  EXPECT_THAT(Rules(absl::StrCat(
                  kHead, Section("prepare", "CREATE INDEX CONCURRENTLY o ON orders (cents);"),
                  Section("batch", kGood))),
              ElementsAre("non-transactional-in-transaction:5"));
  const auto refused = Lint(
      Job(Batch("SELECT pg_advisory_unlock_all();\nUPDATE orders SET cents = 1 WHERE id = $2;")));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_TRUE(refused[0].refusal);
  EXPECT_EQ(refused[0].statement, 0);
}

TEST(BackfillLint, BatchesNeedNotWaitForTheirCommits) {
  const std::string batch = Batch(absl::StrCat("SET LOCAL synchronous_commit = off;\n", kGood));
  EXPECT_THAT(Rules(batch), IsEmpty());
  EXPECT_THAT(Rules(absl::StrCat("-- lockstep:durable\n", batch)), ElementsAre("unsafe-setting:6"));
}

TEST(BackfillLint, TheTableAndItsKeyHaveToBeThere) {
  EXPECT_THAT(Rules("-- lockstep:after 1\n-- lockstep:table order\n-- lockstep:key id\n"
                    "-- lockstep:section batch\nSELECT $2;"),
              ElementsAre("backfill-unknown-table:2"));
  EXPECT_THAT(Rules("-- lockstep:after 1\n-- lockstep:table \"orders\"\n-- lockstep:key ID, no\n"
                    "-- lockstep:section batch\nSELECT $2, $4;"),
              ElementsAre("backfill-unknown-table:3"));
  // The same table for whoever has another search_path, and one that anything may have made.
  EXPECT_THAT(Rules("-- lockstep:after 1\n-- lockstep:table app.orders\n-- lockstep:key id\n"
                    "-- lockstep:section batch\nSELECT $2;"),
              IsEmpty());
  EXPECT_THAT(Rules(absl::StrCat("-- lockstep:after 1\n-- lockstep:table late\n",
                                 "-- lockstep:key id\n-- lockstep:section batch\nSELECT $2;"),
                    {At(1, "DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'late (id int)'; END $$;")}),
              IsEmpty());
}

TEST(BackfillLint, AnAllowNeedsSomethingToAllow) {
  EXPECT_THAT(Rules(absl::StrCat("-- lockstep:allow backfill-parameter never mind\n",
                                 "-- lockstep:allow no-such-rule why\n", Batch(kGood))),
              ElementsAre("unused-allow:1", "unknown-rule:2"));
}

TEST(BackfillLint, EachJobIsJudgedWhenItsTurnComes) {
  const std::vector<Migration> chain = {At(1, kTables),
                                        At(2, "ALTER TABLE orders ADD COLUMN note text;"),
                                        At(3, "ALTER TABLE orders ALTER note SET DEFAULT '';")};
  const auto job = [](int after) {
    return Job(absl::StrCat("-- lockstep:after ", after,
                            "\n-- lockstep:table orders\n-- lockstep:key id\n"
                            "-- lockstep:section batch\n"
                            "UPDATE orders SET note = '' WHERE id > $1 AND id <= $2;"));
  };
  const std::vector<Backfill> jobs = {job(3), job(2)};
  sql::model::Database empty;
  empty.complete = true;
  const auto findings = LintBackfills(jobs, chain, {}, std::move(empty));
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_THAT(findings[0], IsEmpty());
  ASSERT_EQ(findings[1].size(), 1U);
  EXPECT_EQ(findings[1][0].rule, sql::Rule::kBackfillNotCovered);
}

}  // namespace
}  // namespace lockstep::chain
