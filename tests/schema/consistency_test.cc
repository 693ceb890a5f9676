// What the analysis makes of SQL is what a server makes of it: the model after analysing a file
// equals the model inspected after running it. A difference is a claim that later statements are
// judged by, and it is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "engine/chain/analysis.h"
#include "engine/chain/directory.h"
#include "engine/schema/inspect.h"
#include "engine/sql/model/dump.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using sql::model::Database;

// Runs and analyses the same files, and compares after each of them.
class Twins {
 public:
  Twins() : connection_(db_.Connect()), analyzer_(Inspected()) {}

  void Run(const std::string& name, const std::string& text) {
    const auto migration = chain::ReadMigration("001_case.sql", text);
    ASSERT_THAT(migration, IsOk()) << name;
    chain::AnalyzeMigration(&analyzer_, *migration);
    for (const sql::Statement& statement : migration->statements) {
      const std::string one(sql::TextOf(migration->sql, statement));
      ASSERT_THAT(connection_->Query(one), IsOk()) << name << ": " << one;
    }
    // GoogleTest shows two texts of several lines as a diff.
    EXPECT_EQ(DumpText(analyzer_.database()), DumpText(Inspected())) << name;
  }

 private:
  Database Inspected() {
    auto database = schema::Inspect(*connection_);
    EXPECT_THAT(database, IsOk());
    return database.ok() ? *std::move(database) : Database();
  }

  TestDatabase db_;
  std::unique_ptr<postgres::Connection> connection_;
  sql::Analyzer analyzer_;
};

TEST(Consistency, TheChainOfThePlayground) {
  const auto chain = chain::LoadDirectory(SourcePath("migrations"));
  ASSERT_THAT(chain, IsOk());
  Twins twins;
  for (const chain::Migration& migration : chain->migrations) {
    twins.Run(migration.file, migration.sql);
    if (::testing::Test::HasFailure()) return;
  }
}

struct Case {
  const char* name;
  const char* sql;
};

void PrintTo(const Case& example, std::ostream* out) { *out << example.name; }

class ConsistencyCase : public ::testing::TestWithParam<Case> {};

TEST_P(ConsistencyCase, AnalysedAsRun) {
  Twins twins;
  twins.Run(GetParam().name, GetParam().sql);
}

constexpr Case kCases[] = {
    {"table",
     "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text NOT NULL DEFAULT "
     "'x', b varchar(50) UNIQUE, c numeric(10,2) CHECK (c > 0), d timestamptz(3), e serial, "
     "CONSTRAINT both_set CHECK (a IS NOT NULL AND b IS NOT NULL), UNIQUE (a, b))"},
    {"foreign_key",
     "CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE);"
     "CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p, code text REFERENCES p (code));"
     "ALTER TABLE c ADD CONSTRAINT again FOREIGN KEY (id) REFERENCES p NOT VALID;"
     "ALTER TABLE c VALIDATE CONSTRAINT again"},
    {"columns",
     "CREATE TABLE t (a int, b text, c int);"
     "ALTER TABLE t ADD COLUMN d int DEFAULT 3, DROP COLUMN b, ALTER COLUMN a SET NOT NULL;"
     "ALTER TABLE t RENAME COLUMN c TO e; ALTER TABLE t ALTER COLUMN e TYPE bigint;"
     "ALTER TABLE t ALTER COLUMN d DROP DEFAULT, ADD COLUMN f int GENERATED ALWAYS AS (a + 1) "
     "STORED"},
    {"constraints",
     "CREATE TABLE t (a int, b int);"
     "ALTER TABLE t ADD CHECK (a > 0), ADD CONSTRAINT nn CHECK (b IS NOT NULL) NOT VALID;"
     "ALTER TABLE t VALIDATE CONSTRAINT nn; ALTER TABLE t ALTER COLUMN b SET NOT NULL;"
     "ALTER TABLE t DROP CONSTRAINT nn; ALTER TABLE t ADD PRIMARY KEY (a)"},
    {"indexes",
     "CREATE TABLE t (a int, b text, c int);"
     "CREATE INDEX abc ON t (a, b) INCLUDE (c); CREATE UNIQUE INDEX u ON t (lower(b)) WHERE c > 0;"
     "CREATE INDEX g ON t USING hash (a); DROP INDEX g; ALTER INDEX u RENAME TO v;"
     "CREATE UNIQUE INDEX k ON t (c); ALTER TABLE t ADD CONSTRAINT t_c UNIQUE USING INDEX k"},
    {"index_of_a_dropped_column",
     "CREATE TABLE t (a int, b int, c int); CREATE INDEX i ON t (a, b); CREATE INDEX j ON t (c);"
     "ALTER TABLE t ADD CONSTRAINT k CHECK (a > c); ALTER TABLE t DROP COLUMN a"},
    {"rename_table",
     "CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE c (t_id int REFERENCES t);"
     "CREATE VIEW v AS SELECT id FROM t; ALTER TABLE t RENAME TO u"},
    {"drop_table",
     "CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE c (t_id int REFERENCES t);"
     "DROP TABLE t CASCADE"},
    {"types",
     "CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood ADD VALUE 'fine' BEFORE 'ok';"
     "CREATE DOMAIN short AS varchar(20) NOT NULL CHECK (VALUE <> '');"
     "CREATE TYPE pair AS (a int, b text); CREATE TABLE t (m mood, s short, p pair);"
     "CREATE TYPE gone AS ENUM ('x'); DROP TYPE gone"},
    {"partitions",
     "CREATE TABLE pt (id int, at date) PARTITION BY RANGE (at);"
     "CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
     "CREATE TABLE ptd PARTITION OF pt DEFAULT;"
     "CREATE TABLE x (id int, at date);"
     "ALTER TABLE pt ATTACH PARTITION x FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
     "ALTER TABLE pt DETACH PARTITION pt1"},
    {"triggers_and_policies",
     "CREATE TABLE t (a int, b int);"
     "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
     "CREATE TRIGGER watch BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (NEW.b > 1) EXECUTE FUNCTION "
     "f(); CREATE TRIGGER off AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
     "ALTER TABLE t DISABLE TRIGGER off, ENABLE ROW LEVEL SECURITY;"
     "CREATE POLICY mine ON t USING (a = 1) WITH CHECK (b = 1); DROP TRIGGER watch ON t"},
    {"views",
     "CREATE TABLE t (a int, b int); CREATE VIEW v AS SELECT a FROM t WHERE b > 1;"
     "CREATE MATERIALIZED VIEW m AS SELECT a, b FROM t; CREATE UNIQUE INDEX ON m (a);"
     "CREATE OR REPLACE VIEW v AS SELECT a, b FROM t WHERE b > 1; DROP VIEW v"},
    {"functions",
     "CREATE FUNCTION add(a int, b int DEFAULT 1) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT a "
     "+ b'; CREATE PROCEDURE work(n int) LANGUAGE plpgsql AS 'BEGIN NULL; END';"
     "DROP PROCEDURE work(int)"},
    {"schemas",
     "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE u (id int);"
     "ALTER TABLE u SET SCHEMA app"},
    {"sequences",
     "CREATE SEQUENCE s; CREATE TABLE t (id bigint DEFAULT nextval('s'));"
     "ALTER SEQUENCE s OWNED BY t.id"},
    {"publications",
     "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t;"
     "CREATE PUBLICATION q FOR ALL TABLES; DROP PUBLICATION q"},
    {"like_and_inherits",
     "CREATE TABLE t (a int NOT NULL DEFAULT 1, b text CHECK (b <> '')); CREATE INDEX ON t (a);"
     "CREATE TABLE l (LIKE t INCLUDING ALL); CREATE TABLE c (x int) INHERITS (t)"},
    {"not_null_of_children",
     "CREATE TABLE t (a int); CREATE TABLE c (b int) INHERITS (t);"
     "ALTER TABLE t ALTER COLUMN a SET NOT NULL"},
    {"create_as", "CREATE TABLE t (a int, b text); CREATE UNLOGGED TABLE u (a int)"},
};

INSTANTIATE_TEST_SUITE_P(Ddl, ConsistencyCase, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lockstep::testing
