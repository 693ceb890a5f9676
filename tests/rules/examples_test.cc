// What the pages of the rules say is so: on a real server, the bad example is found and does what
// the page says, and the good steps are not found and succeed one after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/base/error_info.h"
#include "engine/chain/analysis.h"
#include "engine/schema/inspect.h"
#include "tests/rules/example.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using chain::Migration;

struct Verdict {
  bool fires = false;
  bool blocks = false;
  std::optional<Migration> migration;  // Absent when the file is refused.
  bool transactional = true;
};

// One database for all examples: each begins with an empty schema.
class RuleExample : public ::testing::TestWithParam<const sql::RuleInfo*> {
 protected:
  static void SetUpTestSuite() { db_ = new TestDatabase; }
  static void TearDownTestSuite() {
    delete db_;
    db_ = nullptr;
  }

  void SetUp() override {
    example_ = ReadExample(*GetParam());
    connection_ = db_->Connect();
  }

  void Begin() {
    ASSERT_THAT(connection_->RunScript("DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
                                       "DROP SCHEMA IF EXISTS lockstep CASCADE;"
                                       "DROP ACCESS METHOD IF EXISTS columns"),
                IsOk());
    if (example_.setup.empty()) return;
    ASSERT_THAT(connection_->RunScript(example_.setup), IsOk());
  }

  // Against what is there now, as `lockstep lint --database` does.
  Verdict Lint(const std::string& text) {
    Verdict verdict;
    auto migration = chain::ReadMigration("001_example.sql", text);
    if (!migration.ok()) {
      const std::string reason = base::ReasonOf(migration.status());
      verdict.fires =
          absl::AsciiStrToLower(absl::StrReplaceAll(reason, {{"_", "-"}})) == GetParam()->id;
      verdict.blocks = true;
      return verdict;
    }
    auto database = schema::Inspect(*connection_);
    EXPECT_THAT(database, IsOk());
    sql::Analyzer analyzer(*std::move(database));
    const sql::FileAnalysis analysis = chain::AnalyzeMigration(&analyzer, *migration);
    for (const sql::Finding& finding : analysis.findings) {
      verdict.fires |= finding.rule == GetParam()->rule;
      verdict.blocks |= finding.rule == GetParam()->rule && finding.Blocks();
    }
    verdict.transactional = analysis.transactional;
    verdict.migration = *std::move(migration);
    return verdict;
  }

  // As one transaction, unless it is none.
  absl::Status Run(const std::string& text, const Verdict& verdict) {
    if (verdict.transactional || !verdict.migration.has_value()) {
      return connection_->RunScript(text);
    }
    for (const sql::Statement& statement : verdict.migration->statements) {
      const std::string one(sql::TextOf(verdict.migration->sql, statement));
      const absl::Status status = connection_->Query(one).status();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  static int Major() { return db_->Connect()->server_version() / 10'000; }

  static TestDatabase* db_;
  Example example_;
  std::unique_ptr<postgres::Connection> connection_;
};
TestDatabase* RuleExample::db_ = nullptr;

// Rules about servers that these tests do not have: their examples are read, not judged.
bool IsOfAnotherServer(const Example& example) { return example.not_run.find("PostgreSQL ") == 0; }

// What an example needs of the server; 0: what all supported ones have.
int BadExampleNeeds(sql::Rule rule) { return rule == sql::Rule::kSetAccessMethodRewrite ? 15 : 0; }
int GoodExampleNeeds(sql::Rule rule) {
  return rule == sql::Rule::kDetachPartitionBlocking ? 14 : 0;
}

TEST_P(RuleExample, TheBadOneIsFoundAndDoesWhatThePageSays) {
  if (IsOfAnotherServer(example_)) GTEST_SKIP() << example_.not_run;
  const int needs = BadExampleNeeds(GetParam()->rule);
  if (Major() < needs) GTEST_SKIP() << "statements of PostgreSQL " << needs;
  Begin();
  const Verdict verdict = Lint(example_.bad);
  EXPECT_TRUE(verdict.fires);
  EXPECT_FALSE(verdict.blocks && GetParam()->gate);
  if (!example_.not_run.empty()) return;
  // What must not share a transaction is run in one all the same: that is what is wrong with it.
  const bool together = GetParam()->rule == sql::Rule::kNonTransactionalInTransaction;
  const absl::Status status =
      together ? connection_->RunScript(example_.bad) : Run(example_.bad, verdict);
  if (example_.sqlstate.empty()) {
    EXPECT_THAT(status, IsOk());
  } else {
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(base::MetadataOf(status, "sqlstate"), example_.sqlstate) << status;
  }
}

TEST_P(RuleExample, TheGoodStepsAreNotFoundAndSucceed) {
  if (example_.good.empty()) GTEST_SKIP() << "there is no other way";
  const int needs = GoodExampleNeeds(GetParam()->rule);
  if (Major() < needs) GTEST_SKIP() << "statements of PostgreSQL " << needs;
  Begin();
  for (const std::string& good : example_.good) {
    const Verdict verdict = Lint(good);
    EXPECT_TRUE(verdict.migration.has_value()) << good;
    EXPECT_FALSE(verdict.fires) << good;
    ASSERT_THAT(Run(good, verdict), IsOk()) << good;
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, RuleExample,
                         ::testing::ValuesIn(ErrorsAbout(sql::RuleSubject::kStatement)),
                         [](const auto& rule) {
                           return absl::StrReplaceAll(rule.param->id, {{"-", "_"}});
                         });

}  // namespace
}  // namespace lockstep::testing
