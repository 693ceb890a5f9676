#include <pg_query.h>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/analyzer.h"
#include "tests/bench/benchmarks.h"
#include "tests/bench/measure.h"

namespace lockstep::bench {
namespace {

constexpr int kStatements = 8;

// A file as migrations are: one table, and what comes with it.
std::string File(int number) {
  const std::string table = absl::StrCat("crate_", number);
  std::string text;
  for (int i = 0; i < kStatements / 8; ++i) {
    absl::StrAppend(
        &text, "-- version ", number, "\nCREATE TABLE ", table,
        " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text NOT NULL,"
        " weight numeric(10, 2) DEFAULT 0, sent_at timestamptz DEFAULT now());\n",
        "CREATE INDEX ", table, "_label ON ", table, " (label);\n",  //
        "ALTER TABLE ", table, " ADD COLUMN owner_id bigint;\n",     //
        "ALTER TABLE ", table, " ADD CONSTRAINT ", table, "_weight CHECK (weight >= 0);\n",
        "COMMENT ON TABLE ", table, " IS 'what is sent';\n",  //
        "INSERT INTO ", table, " (label) SELECT 'n' || i FROM generate_series(1, 10) AS i;\n",
        "UPDATE ", table, " SET weight = 1 WHERE label LIKE 'n1%' AND sent_at < now();\n",
        "CREATE VIEW ", table, "_light AS SELECT id, label FROM ", table, " WHERE weight < 1;\n");
  }
  return text;
}

Sample Parse(const std::vector<std::string>& files) {
  const double start = Now();
  for (const std::string& file : files) {
    const PgQueryParseResult parsed = pg_query_parse(file.c_str());
    const bool ok = parsed.error == nullptr;
    pg_query_free_parse_result(parsed);
    Require(ok, "a file of the benchmark cannot be parsed");
  }
  return {.wall = Now() - start};
}

Sample Analyze(const std::vector<std::string>& files) {
  const double start = Now();
  sql::model::Database empty;
  empty.complete = true;
  sql::Analyzer analyzer(std::move(empty));
  size_t statements = 0;
  for (const std::string& file : files) {
    const sql::MigrationSplit split = sql::SplitMigration(file);
    const sql::FileAnalysis analysis =
        analyzer.Analyze({.text = file, .statements = split.statements, .tree = &split.tree});
    statements += analysis.statements.size();
  }
  const double wall = Now() - start;
  Require(statements == files.size() * kStatements, "the analysis lost a statement");
  return {.wall = wall};
}

}  // namespace

void Analysis(Stage& stage) {
  std::vector<std::string> files;
  for (int i = 0; i < stage.Choose(1000, 100); ++i) files.push_back(File(i));
  const Rounds rounds = TakeTurns(
      {{"parser", [&] { return Parse(files); }}, {"analysis", [&] { return Analyze(files); }}},
      stage.Choose(9, 2));
  stage.report().Add(
      {.benchmark = "analysis",
       .measured = absl::StrCat("splitting and analysing ", files.size(), " files of ", kStatements,
                                " statements"),
       .reference = "pg_query_parse of them",
       .ratio = rounds.WallRatio(1, 0),
       .target = Target{2},
       .context = absl::StrCat(Duration(rounds.Wall(1)), " to ", Duration(rounds.Wall(0)))});
}

}  // namespace lockstep::bench
