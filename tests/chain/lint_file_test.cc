#include "engine/chain/lint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error_info.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::chain {
namespace {

using lockstep::testing::IsOk;
using sql::Severity;

TEST(LintFile, SaysHowStrictAProjectIs) {
  const auto settings = ParseLintFile("lint.yaml",
                                      "fail-on: never\npostgres: 17\n"
                                      "rules:\n  drop-column: off\n  prefer-text: error\n");
  ASSERT_THAT(settings, IsOk());
  EXPECT_FALSE(settings->fail_on.has_value());
  EXPECT_EQ(settings->postgres, 17);
  EXPECT_EQ(settings->rules.at(sql::Rule::kDropColumn), std::nullopt);
  EXPECT_EQ(settings->rules.at(sql::Rule::kPreferText), Severity::kError);
}

TEST(LintFile, AnEmptyOneAndNoneAreTheDefaults) {
  for (const char* text : {"", "# nothing\n", "rules:\n"}) {
    const auto settings = ParseLintFile("lint.yaml", text);
    ASSERT_THAT(settings, IsOk()) << text;
    EXPECT_EQ(settings->fail_on, Severity::kError);
    EXPECT_EQ(settings->postgres, kDefaultPostgres);
    EXPECT_TRUE(settings->rules.empty());
  }
  lockstep::testing::TempDir dir;
  EXPECT_THAT(LoadLintSettings(dir.File("")), IsOk());
}

TEST(LintFile, AMistakeHasItsPlace) {
  struct Bad {
    const char* text;
    const char* place;
  };
  for (const Bad& bad :
       {Bad{"colour: blue\n", "1:1"}, Bad{"fail-on: often\n", "1:1"}, Bad{"postgres: 9\n", "1:1"},
        Bad{"rules:\n  no-rule: off\n", "2:3"}, Bad{"rules:\n  drop-column: no\n", "2:3"},
        Bad{"- a\n", "1:1"}, Bad{"postgres: 15\npostgres: 16\n", "2:1"}, Bad{"a: [\n", "2:1"}}) {
    const absl::Status status = ParseLintFile("lint.yaml", bad.text).status();
    EXPECT_EQ(base::ReasonOf(status), "BAD_LINT_FILE") << bad.text;
    EXPECT_EQ(base::MetadataOf(status, "line") + ":" + base::MetadataOf(status, "column"),
              bad.place)
        << bad.text << status;
  }
}

TEST(LintFile, ChangesSeveritiesButNoRefusal) {
  LintSettings settings;
  settings.rules = {{sql::Rule::kDropColumn, std::nullopt},
                    {sql::Rule::kPreferText, Severity::kError},
                    {sql::Rule::kTransactionControl, std::nullopt}};
  sql::FileAnalysis analysis;
  analysis.findings = {{.rule = sql::Rule::kDropColumn},
                       {.rule = sql::Rule::kPreferText, .severity = Severity::kInfo},
                       {.rule = sql::Rule::kTransactionControl, .refusal = true}};
  ApplySettings(settings, &analysis.findings);
  ASSERT_EQ(analysis.findings.size(), 2);
  EXPECT_EQ(analysis.findings[0].severity, Severity::kError);
  EXPECT_TRUE(analysis.findings[1].refusal);
}

TEST(LintFile, ARuleHasItsOwnSeverityUnlessTheProjectSaysAnother) {
  const auto settings =
      ParseLintFile("lint.yaml", "rules:\n  backfill-not-covered: warning\n  unknown-use: off\n");
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(SeverityOf(*settings, sql::Rule::kBackfillNotCovered), Severity::kWarning);
  EXPECT_EQ(SeverityOf(*settings, sql::Rule::kUnknownUse), std::nullopt);
  EXPECT_EQ(SeverityOf(*settings, sql::Rule::kBackfillContract), Severity::kError);
}

}  // namespace
}  // namespace lockstep::chain
