// The same for rules about backfills, whose examples run as agents run them, and service files.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/base/error_info.h"
#include "engine/chain/analysis.h"
#include "engine/chain/backfill_lint.h"
#include "engine/chain/service_file.h"
#include "engine/chain/uses.h"
#include "tests/backfill/fixture.h"
#include "tests/rules/example.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using chain::Migration;

constexpr char kName[] = "example";

sql::model::Database Empty() {
  sql::model::Database empty;
  empty.complete = true;
  return empty;
}

void Append(const std::string& sql, std::vector<Migration>* chain) {
  auto migration = chain::ReadMigration(absl::StrCat("00", chain->size() + 1, "_step.sql"), sql);
  ASSERT_THAT(migration, IsOk());
  chain->push_back(*std::move(migration));
}

std::string NameOf(const ::testing::TestParamInfo<const sql::RuleInfo*>& rule) {
  return absl::StrReplaceAll(rule.param->id, {{"-", "_"}});
}

class BackfillRuleExample : public ::testing::TestWithParam<const sql::RuleInfo*> {
 protected:
  void SetUp() override {
    example_ = ReadExample(*GetParam());
    Append(example_.setup, &chain_);
    db_.RunScript(example_.setup);
  }

  bool Fires(const std::string& text) const {
    const auto job = chain::ReadBackfill(absl::StrCat("backfills/", kName, ".sql"), text);
    EXPECT_THAT(job, IsOk());
    const auto found = chain::LintBackfills({&*job, 1}, chain_, {}, Empty());
    return std::any_of(found[0].begin(), found[0].end(), [](const sql::Finding& finding) {
      return finding.rule == GetParam()->rule;
    });
  }

  // The SQLSTATE or reason with which a part fails, else the state in which the job ends.
  std::string Run(const std::string& text) {
    db_.Publish(kName, text);
    db_.Start(kName);
    auto part = db_.Grant();
    if (!part.has_value()) return "not started";
    absl::Status ended = db_.Run(*part).status;
    if (!example_.meanwhile.empty()) db_.RunScript(example_.meanwhile);
    if (ended.ok()) ended = db_.RunAll();
    if (ended.ok()) return db_.State(kName);
    const std::string sqlstate = base::MetadataOf(ended, "sqlstate");
    return sqlstate.empty() ? base::ReasonOf(ended) : sqlstate;
  }

  Example example_;
  BackfillDatabase db_;
  std::vector<Migration> chain_;
};

TEST_P(BackfillRuleExample, TheBadOneIsFoundAndDoesWhatThePageSays) {
  EXPECT_TRUE(Fires(example_.bad));
  EXPECT_EQ(Run(example_.bad), example_.sqlstate.empty() ? "done" : example_.sqlstate);
}

TEST_P(BackfillRuleExample, TheGoodOnesAreNotFoundAndSucceed) {
  bool ran = false;
  for (const std::string& good : example_.good) {
    if (absl::StartsWith(good, "-- lockstep:after")) {
      EXPECT_FALSE(Fires(good)) << good;
      EXPECT_EQ(Run(good), "done") << good;
      ran = true;
    } else {
      Append(good, &chain_);
      db_.RunScript(good);
    }
  }
  EXPECT_TRUE(ran);
}

INSTANTIATE_TEST_SUITE_P(Rules, BackfillRuleExample,
                         ::testing::ValuesIn(ErrorsAbout(sql::RuleSubject::kBackfill)), NameOf);

class ServiceRuleExample : public ::testing::TestWithParam<const sql::RuleInfo*> {
 protected:
  static bool Fires(const Example& example, const std::string& text) {
    std::vector<Migration> chain;
    Append(example.setup, &chain);
    const auto file = chain::ParseServiceFile("services/shop/lockstep.yaml", text);
    EXPECT_THAT(file, IsOk());
    return !chain::JudgeUses(*file, chain, {}).empty();
  }
};

TEST_P(ServiceRuleExample, TheBadOneIsFoundAndTheGoodOneIsNot) {
  const Example example = ReadExample(*GetParam());
  EXPECT_TRUE(Fires(example, example.bad));
  ASSERT_EQ(example.good.size(), 1U);
  EXPECT_FALSE(Fires(example, example.good[0]));
}

INSTANTIATE_TEST_SUITE_P(Rules, ServiceRuleExample,
                         ::testing::ValuesIn(ErrorsAbout(sql::RuleSubject::kServiceFile)), NameOf);

}  // namespace
}  // namespace lockstep::testing
