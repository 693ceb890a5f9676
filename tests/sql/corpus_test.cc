// Files as people write them, made from a seed: the generator keeps what it wrote as statements and
// what between them, and the splitter has to find the same.

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/preamble.h"

namespace lockstep::sql {
namespace {

constexpr int kFiles = 600;
constexpr uint64_t kSeed = 20261122;

struct Written {
  std::string text;
  bool non_transactional = false;  // PostgreSQL refuses it in a transaction block.
};

struct File {
  std::string text;
  std::vector<Written> statements;  // Those that the splitter has to find, in order.
  std::vector<size_t> offsets;
  bool wraps_itself = false;
};

// %1 and %2 stand for names, %# for a number.
constexpr absl::string_view kPlain[] = {
    "INSERT INTO %1 (id, note) VALUES (%#, 'a;b''c'), (%#, E'it\\'s; done')",
    "UPDATE %1 SET note = note || U&'\\00e4;' WHERE id = %#",
    "DELETE FROM %1 WHERE id IN (SELECT id FROM %2 WHERE kind = $q$;$q$)",
    "ALTER TABLE %1 DROP COLUMN note",
    "DROP TABLE IF EXISTS %2",
    "ALTER TABLE %1 RENAME TO %2",
    "ALTER TABLE %1 RENAME COLUMN note TO \"re;mark\"",
    "CREATE TABLE %1 (id bigint PRIMARY KEY, note text DEFAULT ';', CHECK (note <> '--'))",
    "CREATE VIEW %1_view AS SELECT id, '/*' AS mark FROM %1",
    "CREATE FUNCTION %1_touch() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  NEW.at := now();"
    "\n  RETURN NEW;\nEND;\n$$",
    "CREATE OR REPLACE FUNCTION %1_sum(a int) RETURNS int AS $body$ SELECT a + %#; -- ;\n$body$ "
    "LANGUAGE sql",
    "CREATE FUNCTION %1_add(a int, b int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + b; "
    "SELECT a; END",
    "CREATE TRIGGER %1_at BEFORE UPDATE ON %1 FOR EACH ROW EXECUTE FUNCTION %2_touch()",
    "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles) THEN RAISE NOTICE '%;'; END IF; END $do$",
    "SET search_path TO %1, public",
    "SET LOCAL work_mem = '64MB'",
    "ALTER TYPE %1_kind ADD VALUE IF NOT EXISTS 'it''s; new' AFTER 'old'",
    "CREATE TYPE %1_kind AS ENUM ('a', ';')",
    "CREATE TABLE %1_%# PARTITION OF %1 FOR VALUES FROM (%#) TO (900000)",
    "ALTER TABLE %1 ATTACH PARTITION %2 DEFAULT",
    "CREATE EXTENSION IF NOT EXISTS pgcrypto",
    "ALTER TABLE %1 ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY %2 ON %1 USING (owner = current_user)",
    "CREATE INDEX %1_idx ON %1 (lower(note)) WHERE note <> 'CONCURRENTLY;'",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY %1",
    "COMMENT ON TABLE %1 IS 'CREATE INDEX CONCURRENTLY; VACUUM'",
    "ALTER TABLE /* CONCURRENTLY; /* nested; */ */ %1\n  -- CONCURRENTLY;\n  ADD COLUMN z int",
    "SELECT setval('%1_id_seq', (SELECT max(id) FROM %1))",
    "GRANT SELECT ON %1 TO PUBLIC",
    "WITH old AS (DELETE FROM %1 WHERE id < %# RETURNING *) INSERT INTO %2 SELECT * FROM old",
};

constexpr absl::string_view kAlone[] = {
    "CREATE INDEX CONCURRENTLY %1_idx ON %1 (note)",
    "create unique index concurrently if not exists %1_key on %1 (id)",
    "DROP INDEX CONCURRENTLY IF EXISTS %1_idx",
    "REINDEX TABLE CONCURRENTLY %1",
    "VACUUM (ANALYZE) %1",
};

constexpr absl::string_view kGaps[] = {
    "",
    "\n",
    "\n\n",
    " ",
    "\n-- what comes next; CONCURRENTLY\n",
    "\n/* a block; 'with a quote */\n",
    "\r\n\t",
    "\n-- $$ no quote\n",
    ";\n",
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  File Make(int number) {
    File file;
    if (number % 12 == 0) {  // Empty, or comments alone: counts as applied.
      file.text = std::string(number % 24 == 0 ? "" : "-- nothing to do; yet\n/* ; */\n");
      return file;
    }
    file.wraps_itself = number % 15 == 1;
    const bool restricted = number % 40 == 3;
    if (restricted) file.text += "\\restrict Key123\n";
    absl::StrAppend(&file.text, Pick(kGaps));
    if (file.wraps_itself) file.text += "BEGIN;\n";
    const int count = number == 1 ? 1 : number == 2 ? 2400 : 1 + Below(8);
    for (int i = 0; i < count; ++i) {
      const bool alone = !file.wraps_itself && Below(8) == 0;
      Written written{.text = Fill(alone ? Pick(kAlone) : Pick(kPlain)),
                      .non_transactional = alone};
      file.offsets.push_back(file.text.size());
      file.text += written.text;
      // A last statement without a semicolon, and what follows it.
      if (i + 1 < count || file.wraps_itself || restricted || Below(3) != 0) file.text += ";";
      const bool last = i + 1 == count && !file.wraps_itself;
      absl::StrAppend(&file.text, last ? absl::string_view("\n-- end") : Pick(kGaps));
      file.statements.push_back(std::move(written));
    }
    if (file.wraps_itself) file.text += "\nCOMMIT;\n";
    if (restricted) file.text += "\n\\unrestrict Key123\n";
    return file;
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

  template <size_t kSize>
  absl::string_view Pick(const absl::string_view (&choices)[kSize]) {
    return choices[Below(static_cast<int>(kSize))];
  }

  std::string Fill(absl::string_view pattern) {
    std::string text;
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '%' || i + 1 == pattern.size()) {
        text += pattern[i];
      } else if (pattern[++i] == '#') {
        absl::StrAppend(&text, Below(10'000));
      } else if (pattern[i] == '1' || pattern[i] == '2') {
        absl::StrAppend(&text, pattern[i] == '1' ? "crate_" : "parcel_", Below(50));
      } else {
        absl::StrAppend(&text, "%", pattern.substr(i, 1));
      }
    }
    return text;
  }

  std::mt19937_64 random_;
};

std::vector<File> Corpus() {
  Generator generator(kSeed);
  std::vector<File> files;
  for (int i = 0; i < kFiles; ++i) files.push_back(generator.Make(i));
  return files;
}

// The statements and what lies between them, put together again.
std::string PutTogether(absl::string_view text, const std::vector<Statement>& statements) {
  std::string whole;
  size_t at = 0;
  for (const Statement& statement : statements) {
    absl::StrAppend(&whole, text.substr(at, statement.offset - at), TextOf(text, statement));
    at = statement.offset + statement.size;
  }
  absl::StrAppend(&whole, text.substr(at));
  return whole;
}

TEST(Corpus, IsCutWhereItWasPutTogether) {
  for (const File& file : Corpus()) {
    const MigrationSplit split = SplitMigration(file.text);
    ASSERT_EQ(split.statements.size(), file.statements.size()) << file.text;
    for (size_t i = 0; i < file.statements.size(); ++i) {
      EXPECT_EQ(TextOf(file.text, split.statements[i]), file.statements[i].text);
      EXPECT_EQ(split.statements[i].offset, file.offsets[i]);
    }
    EXPECT_EQ(PutTogether(file.text, split.statements), file.text);
    size_t wrapping = 0;
    for (const LeftOut& part : split.left_out) wrapping += part.kind == LeftOutKind::kTransaction;
    EXPECT_EQ(wrapping, file.wraps_itself ? 2U : 0U) << file.text;
  }
}

TEST(Corpus, WhatMustNotRunInATransactionIsFound) {
  for (const File& file : Corpus()) {
    const MigrationSplit split = SplitMigration(file.text);
    Analyzer analyzer;
    const FileAnalysis analysis =
        analyzer.Analyze({.text = file.text, .statements = split.statements});
    bool transactional = true;
    ASSERT_EQ(analysis.statements.size(), file.statements.size());
    for (size_t i = 0; i < file.statements.size(); ++i) {
      EXPECT_EQ(analysis.statements[i].non_transactional, file.statements[i].non_transactional)
          << file.statements[i].text;
      transactional &= !file.statements[i].non_transactional;
    }
    EXPECT_EQ(analysis.transactional, transactional);
    for (const Finding& finding : analysis.findings) EXPECT_LE(finding.offset, file.text.size());
  }
}

TEST(Corpus, IsLargeEnoughAndSplitInASecond) {
  const std::vector<File> files = Corpus();
  size_t largest = 0;
  for (const File& file : files) largest = std::max(largest, file.text.size());
  EXPECT_GE(files.size(), 500U);
  EXPECT_GT(largest, 150'000U);
  const auto start = std::chrono::steady_clock::now();
  size_t statements = 0;
  for (const File& file : files) statements += SplitMigration(file.text).statements.size();
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GT(statements, 2'000U);
  RecordProperty(
      "milliseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(took, std::chrono::seconds(1));
#endif
}

}  // namespace
}  // namespace lockstep::sql
