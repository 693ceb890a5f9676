// The promise of the lane in which contracts wait: two migrations of which the later one does not wait
// for the earlier one give the same schema in both orders. Held against PostgreSQL with generated
// pairs; whatever breaks the promise must have been found by waits_for.
//
// LOCKSTEP_TEST_SEED chooses the pairs; a failure prints the pair. LOCKSTEP_ORDER_PAIRS: how many.
#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

#include "engine/chain/analysis.h"
#include "engine/chain/migration.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

constexpr char kBase[] =
    "CREATE TABLE t0 (id int PRIMARY KEY, a int, b text, c int DEFAULT 0);\n"
    "CREATE TABLE t1 (id int PRIMARY KEY, a int, b text, c int DEFAULT 0);\n"
    "CREATE TABLE t2 (id int PRIMARY KEY, a int, b text, c int DEFAULT 0);\n"
    "CREATE INDEX t0_a ON t0 (a);\nCREATE INDEX t1_a ON t1 (a);\n"
    "ALTER TABLE t1 ADD CONSTRAINT t1_c CHECK (c >= 0);\n"
    "ALTER TABLE t2 ADD CONSTRAINT t2_a_fkey FOREIGN KEY (a) REFERENCES t0 (id);\n"
    "CREATE VIEW v0 AS SELECT id, b FROM t0;\n"
    "CREATE TYPE colour AS ENUM ('red');\n";

// $0 and $1 are tables, $2 and $3 columns, $4 a number for new names.
constexpr const char* kStatements[] = {
    "ALTER TABLE $0 DROP COLUMN $2",
    "ALTER TABLE $0 DROP COLUMN $2, DROP COLUMN $3",
    "DROP TABLE $0",
    "DROP TABLE $0 CASCADE",
    "ALTER TABLE $0 RENAME COLUMN $2 TO z$4",
    "ALTER TABLE $0 RENAME TO s$4",
    "ALTER TABLE $0 ALTER COLUMN a TYPE bigint",
    "ALTER TABLE $0 ALTER COLUMN $2 SET NOT NULL",
    "ALTER TABLE $0 ALTER COLUMN $2 SET DEFAULT NULL",
    "ALTER TABLE $0 ALTER COLUMN c DROP DEFAULT",
    "ALTER TABLE $0 ADD COLUMN n$4 int",
    "ALTER TABLE $0 ADD COLUMN IF NOT EXISTS n$4 text",
    "ALTER TABLE $0 ADD CONSTRAINT k$4 CHECK ($2 IS NOT NULL)",
    "ALTER TABLE $0 ADD CONSTRAINT k$4 UNIQUE ($2)",
    "ALTER TABLE $0 ADD CONSTRAINT k$4 FOREIGN KEY (a) REFERENCES $1 (id)",
    "ALTER TABLE t1 DROP CONSTRAINT t1_c",
    "ALTER TABLE t2 DROP CONSTRAINT IF EXISTS t2_a_fkey",
    "CREATE INDEX i$4 ON $0 ($2)",
    "CREATE INDEX IF NOT EXISTS i$4 ON $0 ($2, $3)",
    "DROP INDEX t1_a",
    "DROP INDEX IF EXISTS t0_a",
    "CREATE VIEW w$4 AS SELECT $2 FROM $0",
    "CREATE OR REPLACE VIEW v0 AS SELECT id, b FROM $0",
    "DROP VIEW v0",
    "CREATE TABLE u$4 (id int REFERENCES $0 (id), $2 int)",
    "CREATE TABLE IF NOT EXISTS u$4 (id int)",
    "CREATE TYPE type$4 AS ENUM ('x')",
    "ALTER TYPE colour RENAME TO shade$4",
    "ALTER TABLE $0 ADD COLUMN hue$4 colour",
    "DROP TYPE colour",
    "CREATE SEQUENCE q$4",
    "COMMENT ON COLUMN $0.$2 IS 'note $4'",
};

// Everything of schema public but the order of columns, in one text.
constexpr char kDump[] = R"sql(
SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
  SELECT format('relation %s %s', c.relname, c.relkind) AS line FROM pg_class c
   WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(col_description(c.oid, a.attnum), ''))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
  UNION ALL
  SELECT format('constraint %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k
   WHERE k.connamespace = 'public'::regnamespace
  UNION ALL
  SELECT i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public'
  UNION ALL
  SELECT format('view %s %s', v.viewname, v.definition) FROM pg_views v WHERE v.schemaname = 'public'
  UNION ALL
  SELECT format('type %s %s', t.typname, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
      FROM pg_enum e WHERE e.enumtypid = t.oid)) FROM pg_type t
   WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e') x)sql";

// What the analysis does not see yet: which columns a view reads when it is dropped or replaced, and
// which type a column has. Such a pair may fail when it is swapped, which somebody notices; another
// schema it must not make.
bool IsKnownToFailLoudly(const std::string& contract, const std::string& later) {
  for (const std::string& sql : {contract, later}) {
    for (const char* word : {"VIEW", "colour", "CASCADE"}) {
      if (absl::StrContains(sql, word)) return true;
    }
  }
  return false;
}

int NumberOf(const char* variable, int otherwise) {
  int number = 0;
  const char* const given = std::getenv(variable);
  return given != nullptr && absl::SimpleAtoi(given, &number) ? number : otherwise;
}

class OrderTest : public ::testing::Test {
 protected:
  OrderTest() : connection_(db_.Connect()) {}

  std::string Generate() {
    const auto pick = [this](const auto& from) { return from[random_() % std::size(from)]; };
    constexpr const char* kTables[] = {"t0", "t1", "t2"};
    constexpr const char* kColumns[] = {"a", "b", "c"};
    return absl::Substitute(pick(kStatements), pick(kTables), pick(kTables), pick(kColumns),
                            pick(kColumns), random_() % 2);
  }

  // The schema after these, or absent when one of them failed; nothing of it stays.
  std::optional<std::string> After(const std::string& first, const std::string& second) {
    std::optional<std::string> dump;
    const absl::Status status = connection_->InTransaction([&]() -> absl::Status {
      for (const std::string& sql : {std::string(kBase), first, second}) {
        const absl::Status ran = connection_->RunScript(sql);
        if (!ran.ok()) return ran;
      }
      const auto result = connection_->Query(kDump);
      if (!result.ok()) return result.status();
      dump = result->only().Text(0);
      return absl::CancelledError("and back");
    });
    EXPECT_FALSE(status.ok());
    return dump;
  }

  // Whether the later one waits for the contract before it.
  static bool Waits(const std::string& contract, const std::string& later) {
    const auto base = chain::ReadMigration("001_base.sql", kBase);
    const auto earlier = chain::ReadMigration(
        "002_contract.sql", absl::StrCat("-- lockstep:phase contract\n", contract, ";\n"));
    const auto second = chain::ReadMigration("003_later.sql", absl::StrCat(later, ";\n"));
    EXPECT_THAT(base, IsOk());
    EXPECT_THAT(earlier, IsOk()) << contract;
    EXPECT_THAT(second, IsOk()) << later;
    if (!base.ok() || !earlier.ok() || !second.ok()) return true;
    sql::Analyzer analyzer(chain::Replay(std::vector{*base}, {}));
    const auto reviewed = chain::ReviewMigrations(&analyzer, {*earlier, *second});
    return !reviewed[1].migration.waits_for.empty();
  }

  TestDatabase db_;
  std::unique_ptr<postgres::Connection> connection_;
  std::mt19937 random_{static_cast<uint32_t>(NumberOf("LOCKSTEP_TEST_SEED", 20'261'123))};
};

TEST_F(OrderTest, PairsThatDoNotWaitGiveTheSameSchemaInBothOrders) {
  const int pairs = NumberOf("LOCKSTEP_ORDER_PAIRS", 400);
  int independent = 0;
  int waiting = 0;
  int loud = 0;
  int matters = 0;  // Of those that wait, in how many the order does matter.
  for (int i = 0; i < pairs; ++i) {
    const std::string contract = Generate();
    const std::string later = Generate();
    const auto in_order = After(contract, later);
    if (!in_order.has_value()) continue;  // Nobody would have written it.
    const auto swapped = After(later, contract);
    const bool same = swapped == in_order;
    if (Waits(contract, later)) {
      ++waiting;
      matters += same ? 0 : 1;
      continue;
    }
    ++independent;
    if (!swapped.has_value() && IsKnownToFailLoudly(contract, later)) {
      ++loud;
      continue;
    }
    EXPECT_TRUE(same) << "contract: " << contract << "\nlater:    " << later << "\n"
                      << (swapped.has_value() ? "another schema\n" : "fails when it comes first\n")
                      << in_order.value_or("") << "\n--\n" << swapped.value_or("");
  }
  RecordProperty("independent", independent);
  RecordProperty("waiting", waiting);
  RecordProperty("matters", matters);
  RecordProperty("loud", loud);
  EXPECT_LE(loud, pairs / 50);
  // The generator makes enough of both.
  EXPECT_GE(independent, pairs / 5);
  EXPECT_GE(matters, pairs / 100);
}

}  // namespace
}  // namespace lockstep::testing
