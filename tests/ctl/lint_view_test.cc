#include "ctl/lint_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "engine/chain/analysis.h"

namespace lockstep::ctl {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

LintReport ReportOf(absl::string_view sql) {
  LintReport report;
  const auto migration = chain::ReadMigration("migrations/001_x.sql", sql);
  EXPECT_TRUE(migration.ok()) << migration.status();
  sql::Analyzer analyzer;
  AddToReport(*migration, chain::AnalyzeMigration(&analyzer, *migration), &report);
  return report;
}

constexpr char kBlockingIndex[] = "SELECT 1;\nCREATE INDEX i ON users (email);\n";

TEST(LintJson, SaysWhereAndWhatAndInWhichPhase) {
  const json document = json::parse(LintJson(ReportOf(kBlockingIndex)));
  json found;
  for (const json& finding : document["findings"]) {
    if (finding["rule"] == "create-index-blocking") found = finding;
  }
  EXPECT_EQ(found["severity"], "error");
  EXPECT_EQ(found["file"], "migrations/001_x.sql");
  EXPECT_EQ(found["line"], 2);
  EXPECT_GT(found["column"], 0);
  EXPECT_EQ(found["statement"], 1);
  EXPECT_EQ(found["blocks"], true);
  EXPECT_THAT(found["hint"].get<std::string>(), HasSubstr("CONCURRENTLY"));
  const json& file = document["files"][0];
  EXPECT_EQ(file["file"], "migrations/001_x.sql");
  EXPECT_EQ(file["transactional"], true);
  EXPECT_TRUE(file["phase"].is_string());
  EXPECT_EQ(file["statements"].size(), 2);
  EXPECT_EQ(file["statements"][1]["lock"], "SHARE");
  EXPECT_EQ(file["statements"][1]["table"], "users");
}

TEST(LintJson, OneFindingALineWithJsonLines) {
  const std::string lines = LintJsonLines(ReportOf(kBlockingIndex));
  EXPECT_THAT(lines, StartsWith("{"));
  EXPECT_EQ(json::parse(lines.substr(0, lines.find('\n')))["file"], "migrations/001_x.sql");
}

// What the schema of SARIF 2.1.0 requires, and what its readers need.
TEST(LintSarif, HasWhatItsSchemaRequires) {
  const json document = json::parse(LintSarif(
      ReportOf("-- lockstep:allow create-index-blocking tiny table\nCREATE INDEX i ON t (a);"),
      "1.2.3"));
  EXPECT_EQ(document["version"], "2.1.0");
  ASSERT_EQ(document["runs"].size(), 1);
  const json& run = document["runs"][0];
  EXPECT_EQ(run["tool"]["driver"]["name"], "lockstep");
  EXPECT_EQ(run["tool"]["driver"]["rules"].size(), sql::AllRules().size());
  bool suppressed = false;
  for (const json& result : run["results"]) {
    ASSERT_TRUE(result["message"]["text"].is_string());
    EXPECT_THAT((std::vector<std::string>{"error", "warning", "note"}),
                ::testing::Contains(result["level"].get<std::string>()));
    const json& rule = run["tool"]["driver"]["rules"][result["ruleIndex"].get<size_t>()];
    EXPECT_EQ(rule["id"], result["ruleId"]);
    const json& place = result["locations"][0]["physicalLocation"];
    EXPECT_EQ(place["artifactLocation"]["uri"], "migrations/001_x.sql");
    EXPECT_GE(place["region"]["startLine"], 1);
    EXPECT_GT(place["region"]["endColumn"], place["region"]["startColumn"]);
    if (result["ruleId"] != "create-index-blocking") continue;
    suppressed = true;
    EXPECT_EQ(result["suppressions"][0]["kind"], "inSource");
    EXPECT_EQ(result["suppressions"][0]["justification"], "tiny table");
  }
  EXPECT_TRUE(suppressed);
}

TEST(LintSarif, EscapesPaths) {
  LintReport report;
  report.findings = {{.rule = "x", .file = "my dir/ü.sql", .message = "m"}};
  EXPECT_THAT(LintSarif(report, "1"), HasSubstr("\"my%20dir/%C3%BC.sql\""));
}

TEST(LintGithub, EscapesWhatWouldEndACommand) {
  LintReport report;
  report.findings = {{.rule = "drop-column",
                      .severity = sql::Severity::kError,
                      .file = "a,b:c.sql",
                      .line = 3,
                      .column = 7,
                      .message = "100%\nsure",
                      .hint = "do it"},
                     {.rule = "r", .severity = sql::Severity::kInfo, .message = "low"},
                     {.rule = "s", .message = "m", .allowed = "why"}};
  EXPECT_EQ(LintGithub(report, sql::Severity::kWarning),
            "::error file=a%2Cb%3Ac.sql,line=3,col=7,title=drop-column::"
            "100%25%0Asure%0Ahint: do it\n");
  EXPECT_THAT(LintGithub(report, sql::Severity::kInfo), HasSubstr("::notice "));
}

TEST(LintText, PointsAtTheCharacterBehindTabsAndWideLetters) {
  LintReport report;
  report.findings = {{.rule = "r",
                      .file = "f.sql",
                      .line = 7,
                      .column = 4,
                      .characters = 2,
                      .excerpt = "\t名 xy z",
                      .message = "m"}};
  EXPECT_THAT(LintText(report, {}, Style(false)),
              HasSubstr("     7 |     名 xy z\n       |        ^~\n"));
}

TEST(LintText, ShowsNoControlCharactersOfAFile) {
  LintReport report;
  report.findings = {{.rule = "r", .file = "f", .excerpt = "a\x1b[31mb", .message = "x\x1b[2Jy"}};
  EXPECT_THAT(LintText(report, {.width = 80}, Style(false)), Not(HasSubstr("\x1b")));
}

TEST(LintText, NeverIsWiderThanTheTerminal) {
  LintReport report;
  const std::string line(500, 'x');
  for (const int column : {1, 40, 250, 499}) {
    report.findings = {{.rule = "r",
                        .file = "f.sql",
                        .column = column,
                        .characters = 30,
                        .excerpt = line,
                        .message = "a message of words"}};
    std::string text = LintText(report, {.width = 60}, Style(false));
    while (!text.empty()) {
      const size_t end = text.find('\n');
      EXPECT_LE(end, 64U) << text.substr(0, end);  // Two "…" of three bytes.
      text.erase(0, end + 1);
    }
  }
}

TEST(LintReport, AFileThatCannotBeReadIsAFindingAtItsPlace) {
  LintReport report;
  const absl::Status refused =
      chain::ReadMigration("m/002_x.sql", "-- top\n-- lockstep:colour blue\n").status();
  AddToReport(refused, "-- top\n-- lockstep:colour blue\n", &report);
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(report.findings[0].rule, "unknown-directive");
  EXPECT_EQ(report.findings[0].line, 2);
  EXPECT_EQ(report.findings[0].excerpt, "-- lockstep:colour blue");
  EXPECT_THAT(report.findings[0].message, Not(HasSubstr("002_x")));
  EXPECT_TRUE(report.findings[0].blocks);
}

TEST(LintReport, WhatABackfillIsFoundToDoStopsNoPublishing) {
  const auto job = chain::ReadBackfill("./m/backfills/fill.sql",
                                       "-- lockstep:after 1\n-- lockstep:table t\n"
                                       "-- lockstep:key id\n-- lockstep:section batch\nSELECT $3");
  ASSERT_TRUE(job.ok()) << job.status();
  LintReport report;
  AddToReport(*job,
              {{.rule = sql::Rule::kBackfillParameter,
                .offset = job->sql.find("$3"),
                .size = 2,
                .message = "m"}},
              &report);
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(report.findings[0].file, "m/backfills/fill.sql");
  EXPECT_EQ(report.findings[0].line, 5);
  EXPECT_EQ(report.findings[0].column, 8);
  EXPECT_EQ(report.findings[0].characters, 2);
  EXPECT_FALSE(report.findings[0].blocks);
  EXPECT_THAT(LintText(report, {}, Style(false)), HasSubstr("1 error in 1 file"));
  const json document = json::parse(LintJson(report));
  EXPECT_EQ(document["backfills"], json::array({"m/backfills/fill.sql"}));
  EXPECT_TRUE(document["files"].empty());
}

TEST(RuleText, SaysWhoMayAllowIt) {
  EXPECT_THAT(RuleText(sql::InfoOf(sql::Rule::kBackfillNotCovered), Style(false), 0),
              HasSubstr("-- lockstep:allow backfill-not-covered REASON"));
  EXPECT_THAT(RuleText(sql::InfoOf(sql::Rule::kUnknownUse), Style(false), 0),
              HasSubstr("ALLOW\n  lint.yaml, rules: unknown-use: off\n"));
}

TEST(LintReport, WhatWaitsForTheFleetIsNoMoreThanAWarning) {
  LintReport report;
  EXPECT_FALSE(WorstOf(report).has_value());
  report.findings = {{.severity = sql::Severity::kError, .gate = true}};
  EXPECT_EQ(WorstOf(report), sql::Severity::kWarning);
  report.findings.push_back({.severity = sql::Severity::kError, .allowed = "why"});
  EXPECT_EQ(WorstOf(report), sql::Severity::kWarning);
  report.findings.push_back({.severity = sql::Severity::kError});
  EXPECT_EQ(WorstOf(report), sql::Severity::kError);
}

}  // namespace
}  // namespace lockstep::ctl
