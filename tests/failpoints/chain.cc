#include "tests/failpoints/chain.h"

#include "absl/strings/str_cat.h"

namespace lockstep::testing {
namespace {

struct File {
  const char* name;
  const char* sql;
};

// Twice or by half, each of 2, 6 and 7 would leave another number behind.
constexpr File kFiles[kChainLength] = {
    {"001_counter.sql",
     "CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL, m int NOT NULL, old int);\n"
     "INSERT INTO counter VALUES (1, 0, 0, 0);\n"},
    {"002_add_one.sql", "-- lockstep:phase data\nUPDATE counter SET n = n + 1;\n"},
    {"003_colour.sql", "CREATE TYPE colour AS ENUM ('red', 'green');\n"},
    {"004_things.sql",
     "CREATE TABLE things (id bigint PRIMARY KEY, colour colour NOT NULL);\n"
     "CREATE INDEX things_colour ON things (colour);\n"},
    {"005_blue.sql", "ALTER TYPE colour ADD VALUE 'blue';\n"},
    // What a DO block does is not known before it runs: its file goes in more than one round trip.
    {"006_by_code.sql",
     "-- lockstep:phase data\nDO $$ BEGIN UPDATE counter SET m = m + 1; END $$;\n"},
    {"007_ledger.sql",
     "CREATE TABLE ledger (id serial PRIMARY KEY, what text NOT NULL);\n"
     "INSERT INTO ledger (what) VALUES ('a');\nINSERT INTO ledger (what) VALUES ('b');\n"},
    {"008_ledger_what.sql", "CREATE INDEX CONCURRENTLY ledger_what ON ledger (what);\n"},
    {"009_note.sql", "ALTER TABLE things ADD COLUMN note text;\n"},
    {"010_totals.sql", "CREATE VIEW totals AS SELECT sum(n) AS n FROM counter;\n"},
    {"011_drop_old.sql", "-- lockstep:phase contract\nALTER TABLE counter DROP COLUMN old;\n"},
    {"012_last.sql", "CREATE TABLE last (id int PRIMARY KEY);\n"},
};

struct Effect {
  const char* sql;
  const char* expected;
};

constexpr Effect kEffects[] = {
    {"SELECT string_agg(version::text, ',' ORDER BY version) FROM lockstep.history",
     "1,2,3,4,5,6,7,8,9,10,11,12"},
    {"SELECT applied FROM lockstep.chain", "12"},
    {"SELECT n FROM counter", "1"},
    {"SELECT m FROM counter", "1"},
    {"SELECT string_agg(what, ',' ORDER BY what) FROM ledger", "a,b"},
    {"SELECT enum_range(NULL::colour)", "{red,green,blue}"},
    {"SELECT n FROM totals", "1"},
    {"SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute"
     " WHERE attrelid = 'counter'::regclass AND attnum > 0 AND NOT attisdropped",
     "id,n,m"},
    {"SELECT string_agg(indexrelid::regclass::text, ',' ORDER BY indexrelid::regclass::text) FROM "
     "pg_index"
     " WHERE indrelid IN ('things'::regclass, 'ledger'::regclass) AND NOT indisprimary",
     "ledger_what,things_colour"},
    {"SELECT to_regclass('last')", "last"},
};

}  // namespace

void WriteChain(Cluster& cluster) {
  for (const File& file : kFiles) cluster.WriteMigration(file.name, file.sql);
}

std::vector<std::string> CheckEffects(TestDatabase& db) {
  std::vector<std::string> problems;
  for (const Effect& effect : kEffects) {
    const std::string found = db.Scalar(effect.sql);
    if (found != effect.expected) {
      problems.push_back(
          absl::StrCat("I2: ", effect.sql, " is ", found, ", not ", effect.expected));
    }
  }
  return problems;
}

}  // namespace lockstep::testing
