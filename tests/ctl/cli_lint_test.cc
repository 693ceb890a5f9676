// lockstep lint without a database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliLint : public ::testing::Test {
 protected:
  CliLint() {
    dir_.Write("migrations/001_users.sql",
               "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n");
    dir_.Write("migrations/002_index.sql", "CREATE INDEX users_email ON users (email);\n");
  }

  std::string File(const std::string& name) const {
    return dir_.File(absl::StrCat("migrations/", name));
  }
  CommandResult Lint(std::vector<std::string> words) {
    words.insert(words.begin(), "lint");
    return RunLockstep(std::move(words));
  }
  CommandResult LintAll(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"--migrations", dir_.File("migrations")});
    return Lint(std::move(words));
  }

  TempDir dir_;
};

TEST_F(CliLint, AChainOnAnEmptyDatabaseHurtsNobody) {
  const CommandResult result = LintAll();
  EXPECT_EQ(CodeOf(result), 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("no findings in 2 files"));
}

TEST_F(CliLint, AFileIsJudgedAgainstTheFilesBeforeIt) {
  for (const CommandResult& result : {Lint({File("002_index.sql")}), LintAll({"--applied", "1"})}) {
    EXPECT_EQ(CodeOf(result), 3) << result.err;
    EXPECT_THAT(result.out, HasSubstr("002_index.sql:1:"));
    EXPECT_THAT(result.out, HasSubstr("[create-index-blocking]"));
    EXPECT_THAT(result.out, HasSubstr("1 | CREATE INDEX users_email ON users (email);"));
    EXPECT_THAT(result.out, HasSubstr("^"));
    EXPECT_THAT(result.out, HasSubstr("in 1 file"));
  }
}

TEST_F(CliLint, WhatCountsAsFailureCanBeChosen) {
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql"), "--fail-on", "never"})), 0);
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql"), "--fail-on", "info"})), 3);
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql"), "--fail-on", "sometimes"})), 2);
}

TEST_F(CliLint, AnAllowWithAReasonLetsItPass) {
  dir_.Write("migrations/002_index.sql",
             "-- lockstep:allow create-index-blocking the table is tiny\n"
             "CREATE INDEX users_email ON users (email);\n");
  const CommandResult result = Lint({File("002_index.sql")});
  EXPECT_EQ(CodeOf(result), 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("1 allowed"));
  EXPECT_THAT(Lint({File("002_index.sql"), "-v"}).out, HasSubstr("allowed: the table is tiny"));
}

TEST_F(CliLint, AFileOfNoChainIsJudgedByItself) {
  const std::string path = dir_.Write("elsewhere/patch.sql", "CREATE INDEX i ON t (a);\n");
  const CommandResult result = Lint({path});
  EXPECT_EQ(CodeOf(result), 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("patch.sql:1:"));
  EXPECT_THAT(result.out, HasSubstr("[create-index-blocking]"));
}

TEST_F(CliLint, AFileThatCannotBeReadIsAFinding) {
  dir_.Write("migrations/003_bad.sql", "-- top\n-- lockstep:colour blue\nSELECT 1;\n");
  const CommandResult result = LintAll({"-o", "json"});
  EXPECT_EQ(CodeOf(result), 3) << result.err;
  const auto document = nlohmann::json::parse(result.out);
  ASSERT_FALSE(document["findings"].empty());
  EXPECT_EQ(document["findings"][0]["rule"], "unknown-directive");
  EXPECT_EQ(document["findings"][0]["line"], 2);
}

TEST_F(CliLint, TheProjectSaysHowStrictItIs) {
  dir_.Write("migrations/lint.yaml", "fail-on: never\n");
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql")})), 0);
  dir_.Write("migrations/lint.yaml", "rules:\n  create-index-blocking: info\n");
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql")})), 0);
  dir_.Write("migrations/lint.yaml", "rules:\n  no-such-rule: off\n");
  const CommandResult result = Lint({File("002_index.sql")});
  EXPECT_NE(CodeOf(result), 0);
  EXPECT_THAT(result.err, HasSubstr("lint.yaml:2:3"));
}

TEST_F(CliLint, EveryFormatIsOnStandardOutput) {
  EXPECT_THAT(Lint({File("002_index.sql"), "-o", "github"}).out, HasSubstr("::error file="));
  EXPECT_THAT(Lint({File("002_index.sql"), "-o", "sarif"}).out, HasSubstr("\"2.1.0\""));
  EXPECT_THAT(Lint({File("002_index.sql"), "-o", "text"}).out, HasSubstr("hint:"));
  EXPECT_EQ(CodeOf(Lint({File("002_index.sql"), "-o", "xml"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep({"sum", "--check", "-o", "sarif"})), 2);
}

class CliLintBackfill : public CliLint {
 protected:
  CliLintBackfill() { WriteJob(""); }

  void WriteJob(const std::string& head) {
    job_ = dir_.Write("migrations/backfills/fill.sql",
                      absl::StrCat(head,
                                   "-- lockstep:after 1\n-- lockstep:table users\n"
                                   "-- lockstep:key id\n-- lockstep:section batch\n"
                                   "UPDATE users SET email = lower(email)\n"
                                   "WHERE id > $1 AND id <= $2;\n"));
  }

  std::string job_;
};

TEST_F(CliLintBackfill, IsJudgedWithTheChainAndByItself) {
  for (const CommandResult& result : {LintAll(), Lint({job_}), LintAll({job_})}) {
    EXPECT_EQ(CodeOf(result), 3) << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("backfills/fill.sql:5:18: error: nobody fills email"));
    EXPECT_THAT(result.out, HasSubstr("[backfill-not-covered]"));
    EXPECT_THAT(result.out, HasSubstr("5 | UPDATE users SET email = lower(email)"));
    EXPECT_THAT(result.out, HasSubstr("dual-write"));
  }
  EXPECT_THAT(LintAll().out, HasSubstr("1 error in 3 files"));
  EXPECT_THAT(Lint({job_}).out, HasSubstr("1 error in 1 file"));
  EXPECT_THAT(Lint({File("001_users.sql")}).out, HasSubstr("no findings in 1 file"));
}

TEST_F(CliLintBackfill, IsToldToProgramsAsTheOthers) {
  const auto document = nlohmann::json::parse(LintAll({"-o", "json"}).out);
  ASSERT_EQ(document["findings"].size(), 1) << document["findings"];
  EXPECT_EQ(document["findings"][0]["rule"], "backfill-not-covered");
  EXPECT_EQ(document["findings"][0]["line"], 5);
  EXPECT_EQ(document["findings"][0]["object"], "users.email");
  EXPECT_EQ(document["backfills"].size(), 1);
  EXPECT_THAT(Lint({job_, "-o", "github"}).out,
              HasSubstr("line=5,col=18,title=backfill-not-covered::"));
  EXPECT_THAT(Lint({job_, "-o", "sarif"}).out, HasSubstr("\"ruleId\": \"backfill-not-covered\""));
}

TEST_F(CliLintBackfill, FollowsTheProjectAndTheAuthor) {
  dir_.Write("migrations/lint.yaml", "rules:\n  backfill-not-covered: warning\n");
  const CommandResult warned = LintAll();
  EXPECT_EQ(CodeOf(warned), 0);
  EXPECT_THAT(warned.out, HasSubstr("1 warning in 3 files"));
  dir_.Write("migrations/lint.yaml", "rules:\n  backfill-not-covered: off\n");
  EXPECT_THAT(LintAll().out, HasSubstr("no findings in 3 files"));
  dir_.Write("migrations/lint.yaml", "");
  WriteJob("-- lockstep:dual-write the shop\n");
  EXPECT_EQ(CodeOf(LintAll()), 0);
  WriteJob("-- lockstep:allow backfill-not-covered nobody writes there\n");
  const CommandResult allowed = LintAll({"-v"});
  EXPECT_EQ(CodeOf(allowed), 0);
  EXPECT_THAT(allowed.out, HasSubstr("allowed: nobody writes there"));
}

TEST_F(CliLintBackfill, ThatCannotBeReadIsAFinding) {
  dir_.Write("migrations/backfills/other.sql", "-- lockstep:colour blue\nSELECT 1;\n");
  const CommandResult result = LintAll();
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_THAT(result.out, HasSubstr("other.sql:1:1: error:"));
  // Of the others is told what can be.
  EXPECT_THAT(result.out, HasSubstr("[backfill-not-covered]"));
}

TEST_F(CliLint, ServiceRulesFollowTheProject) {
  dir_.Write("services/shop/lockstep.yaml", "service: shop\nuses:\n  - user\n");
  EXPECT_THAT(LintAll().out, HasSubstr("[unknown-use]"));
  dir_.Write("migrations/lint.yaml", "rules:\n  unknown-use: off\n");
  EXPECT_THAT(LintAll().out, Not(HasSubstr("unknown-use")));
}

TEST_F(CliLint, ExplainsEveryRule) {
  const CommandResult all = Lint({"--explain", "all", "-o", "json"});
  ASSERT_EQ(CodeOf(all), 0);
  for (const auto& rule : nlohmann::json::parse(all.out)["rules"]) {
    EXPECT_THAT(rule["reason"].get<std::string>(), Not(IsEmpty())) << rule["rule"];
  }
  for (const char* const id : {"unknown-use", "concerns-live-build", "backfill-not-covered"}) {
    EXPECT_THAT(all.out, HasSubstr(absl::StrCat("\"", id, "\"")));
    EXPECT_THAT(Lint({"--explain", id}).out, HasSubstr("INSTEAD"));
  }
  EXPECT_THAT(Lint({"--explain", "drop-column"}).out, HasSubstr("ACCESS EXCLUSIVE"));
  EXPECT_EQ(CodeOf(Lint({"--explain", "drop-colum"})), 2);
}

}  // namespace
}  // namespace lockstep::testing
