#include "engine/chain/sharing.h"

#include <gtest/gtest.h>
#include <utility>

#include "engine/chain/analysis.h"

namespace lockstep::chain {
namespace {

// "alone", "last", "any"; "unreadable" for what is no migration.
std::string Of(absl::string_view sql) {
  const auto migration = ReadMigration("001_test.sql", sql);
  if (!migration.ok()) return "unreadable";
  sql::model::Database database;
  database.complete = true;
  sql::Analyzer analyzer(std::move(database));
  return std::string(
      SharingName(SharingOf(ReviewMigrations(&analyzer, {*migration})[0].migration)));
}

TEST(SharingTest, DefinitionsShare) {
  for (const char* sql : {
           "CREATE TABLE a (id int PRIMARY KEY, at timestamptz DEFAULT now());",
           "CREATE UNLOGGED TABLE a (id int);",
           "CREATE TABLE IF NOT EXISTS a (id int); CREATE UNIQUE INDEX ON a (id);",
           "ALTER TABLE a ADD COLUMN b text; COMMENT ON COLUMN a.b IS 'temp';",
           "CREATE INDEX IF NOT EXISTS i ON a (b);",
           "CREATE TYPE mood AS ENUM ('sad', 'happy');",
           "CREATE SCHEMA app; CREATE SEQUENCE app.s; CREATE DOMAIN app.d AS int;",
           "CREATE VIEW v AS SELECT 1 AS one;",
           "CREATE EXTENSION IF NOT EXISTS pgcrypto;",
           "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = public AS $$ SELECT 1 "
           "$$;",
           "GRANT SELECT ON a TO reader;",
           "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;",
           "CREATE TABLE b AS SELECT count(*) AS n FROM a;",
           "-- nothing",
       }) {
    EXPECT_EQ(Of(sql), "any") << sql;
  }
}

TEST(SharingTest, NothingFollowsANewEnumValueOrAWrittenRow) {
  for (const char* sql : {
           "ALTER TYPE mood ADD VALUE 'calm';",
           "CREATE TABLE a (id int); ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm' BEFORE 'sad';",
           "INSERT INTO a VALUES (1);",
           "CREATE TABLE b (id int); UPDATE a SET id = 2;",
           "DELETE FROM a;",
           "WITH gone AS (DELETE FROM a RETURNING *) SELECT count(*) FROM gone;",
           "SELECT setval('s', 5);",
       }) {
    EXPECT_EQ(Of(sql), "last") << sql;
  }
}

TEST(SharingTest, WhatOutlivesItsFileIsAlone) {
  for (const char* sql : {
           "SET search_path = other;",
           "SET LOCAL statement_timeout = 0; CREATE TABLE a (id int);",
           "RESET ALL;",
           "SET ROLE other;",
           "SET app.tenant = '1';",
           "SELECT set_config('search_path', 'other', false);",
           "CREATE TEMP TABLE a (id int);",
           "CREATE TEMPORARY VIEW v AS SELECT 1;",
           "CREATE TABLE pg_temp.a (id int);",
           "CREATE TABLE \"pg_temp\".a (id int);",
           "CREATE TABLE U&\"pg\\005ftemp\".a (id int);",
           "SELECT 1 AS one INTO TEMP a;",
           "LOCK TABLE a;",
           "LISTEN l;",
           "NOTIFY l;",
           "PREPARE p AS SELECT 1;",
           "DECLARE c CURSOR FOR SELECT 1;",
           "SELECT pg_advisory_lock(1);",
           "SET CONSTRAINTS ALL IMMEDIATE;",
           "DISCARD TEMP;",
           "GRANT reader TO writer;",
       }) {
    EXPECT_EQ(Of(sql), "alone") << sql;
  }
}

TEST(SharingTest, WhatIsNotKnownIsAlone) {
  for (const char* sql : {
           "DO $$ BEGIN NULL; END $$;",
           "CALL p();",
           "SELECT f();",
           "THIS IS NO SQL;",
           "INSERT INTO a SELECT * FROM dblink('dbname=self', 'SELECT 1') AS t(id int);",
           "ALTER EXTENSION postgis UPDATE;",
           "CREATE ROLE reader;",
           "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();",
           "COPY a FROM '/tmp/a';",
           "ANALYZE a;",
           "REFRESH MATERIALIZED VIEW v;",
       }) {
    EXPECT_EQ(Of(sql), "alone") << sql;
  }
}

TEST(SharingTest, ContractsAndWhatIsNotTransactionalAreAlone) {
  EXPECT_EQ(Of("DROP TABLE a;"), "alone");
  EXPECT_EQ(Of("-- lockstep:phase contract\nCREATE TABLE a (id int);"), "alone");
  EXPECT_EQ(Of("CREATE INDEX CONCURRENTLY i ON a (b);"), "alone");
  EXPECT_EQ(Of("-- lockstep:transaction none\nCREATE TABLE a (id int);"), "alone");
}

TEST(SharingTest, ADirectiveThatAsksForSomethingIsAlone) {
  for (const char* directive : {"lock-timeout 2s", "statement-timeout 1m", "min-postgres 14",
                                "assert SELECT 1", "needs-backfill fill"}) {
    EXPECT_EQ(Of(std::string("-- lockstep:") + directive + "\nCREATE TABLE a (id int);"), "alone")
        << directive;
  }
  EXPECT_EQ(Of("-- lockstep:phase expand\nCREATE TABLE a (id int);"), "any");
}

TEST(SharingTest, NamesAreStored) {
  for (const Sharing sharing : {Sharing::kAlone, Sharing::kLast, Sharing::kAny}) {
    EXPECT_EQ(ParseSharing(SharingName(sharing)), sharing);
  }
  EXPECT_EQ(ParseSharing("whatever"), Sharing::kAlone);
}

}  // namespace
}  // namespace lockstep::chain
