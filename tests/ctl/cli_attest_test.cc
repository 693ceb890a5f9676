// lockstep attest, and lint of service files.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "ctl/fleet_lint.h"
#include "ctl/lint_report.h"
#include "engine/chain/analysis.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CliAttest : public ::testing::Test {
 protected:
  CliAttest() {
    dir_.Write("migrations/001_users.sql",
               "CREATE TABLE users (id bigint PRIMARY KEY, email text, nick text);\n"
               "CREATE TABLE orders (id bigint PRIMARY KEY, note text);\n");
    dir_.Write("migrations/002_drop_nick.sql", "ALTER TABLE users DROP COLUMN nick;\n");
    dir_.Write("migrations/003_drop_note.sql", "ALTER TABLE orders DROP COLUMN note;\n");
    Service("# reviewed by ann\nservice: shop   # the shop\nuses:\n  - users\n  - orders.id\n");
  }
  void Service(const std::string& text) { dir_.Write("services/shop/lockstep.yaml", text); }
  std::string Text() const {
    std::ifstream file(dir_.File("services/shop/lockstep.yaml"));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  CommandResult Run(std::vector<std::string> words) {
    words.insert(words.end(), {"--migrations", dir_.File("migrations")});
    return RunLockstep(std::move(words));
  }

  TempDir dir_;
};

TEST_F(CliAttest, ShowsWhatTheContractsRemoveAndRaisesTheLineAlone) {
  const CommandResult result = Run({"attest", "shop", "3", "--yes"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("attest shop: adapted_to 0 -> 3 in "));
  EXPECT_THAT(result.out, HasSubstr("contract 2 drop_nick removes or changes users.nick\n"));
  EXPECT_THAT(
      result.out,
      HasSubstr("contract 3 drop_note removes or changes orders.note; nothing that shop uses"));
  EXPECT_EQ(Text(),
            "# reviewed by ann\nservice: shop   # the shop\nadapted_to: 3\nuses:\n  - users\n"
            "  - orders.id\n");
  // Only what is new is shown.
  const CommandResult again = Run({"attest", "shop", "3", "--yes"});
  EXPECT_EQ(CodeOf(again), 0);
  EXPECT_THAT(again.out, Not(HasSubstr("drop_nick")));
  EXPECT_THAT(again.err, HasSubstr("says so already"));
}

TEST_F(CliAttest, NothingIsLoweredAndNobodyElseIsAttested) {
  ASSERT_EQ(CodeOf(Run({"attest", "shop", "3", "--yes"})), 0);
  const std::string before = Text();
  const CommandResult lower = Run({"attest", "shop", "2", "--yes"});
  EXPECT_EQ(CodeOf(lower), 5);
  EXPECT_THAT(lower.err, HasSubstr("adapted to 3 already"));
  const CommandResult silent = Run({"attest", "shop", "2"});
  EXPECT_EQ(CodeOf(silent), 5);
  EXPECT_EQ(CodeOf(Run({"attest", "shop", "9", "--yes"})), 2);
  EXPECT_EQ(CodeOf(Run({"attest", "shop", "soon", "--yes"})), 2);
  EXPECT_EQ(CodeOf(Run({"attest", "other", "3", "--yes"})), 1);
  EXPECT_EQ(CodeOf(Run({"attest", "other", "3", "--yes", "--file",
                        dir_.File("services/shop/lockstep.yaml")})),
            2);
  EXPECT_EQ(Text(), before);
}

TEST_F(CliAttest, ItIsAPersonsWord) {
  const std::string before = Text();
  const CommandResult result = Run({"attest", "shop", "2"});
  EXPECT_EQ(CodeOf(result), 2);
  EXPECT_THAT(result.err, HasSubstr("--yes"));
  EXPECT_EQ(Text(), before);
}

TEST_F(CliAttest, ProgramsReadItAsJson) {
  const CommandResult result = Run({"attest", "shop", "3", "--yes", "-o", "json"});
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("from"), 0);
  EXPECT_EQ(json.at("to"), 3);
  EXPECT_EQ(json.at("contracts").size(), 2u);
  EXPECT_EQ(json.at("contracts")[0].at("used"), true);
  EXPECT_EQ(json.at("contracts")[1].at("used"), false);
}

TEST_F(CliAttest, LintFindsUsesOfWhatNoMigrationMakes) {
  Service("service: shop\nuses:\n  - users\n  - users.emial\n  - public.orders.id\n  - widgets\n");
  const CommandResult result =
      Run({"lint", "--service-file", dir_.File("services/shop/lockstep.yaml")});
  EXPECT_EQ(CodeOf(result), 3) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("lockstep.yaml:4:5: error: shop uses users.emial, which no "
                                    "migration makes"));
  EXPECT_THAT(result.out, HasSubstr("did you mean users.email?"));
  EXPECT_THAT(result.out, HasSubstr("shop uses widgets, which no migration makes"));
  EXPECT_THAT(result.out, Not(HasSubstr("public.orders.id,")));
  // The same without the flag: service files beside the migrations.
  const CommandResult all = Run({"lint", "-o", "sarif"});
  EXPECT_EQ(CodeOf(all), 3);
  const auto sarif = nlohmann::json::parse(all.out);
  EXPECT_EQ(sarif.at("runs")[0].at("results")[0].at("ruleId"), "unknown-use");
  EXPECT_TRUE(sarif.at("runs")[0].at("results")[0].contains("ruleIndex"));
  EXPECT_THAT(Run({"lint", "--explain", "unknown-use"}).out, HasSubstr("protection"));
}

// The builds that a contract concerns, by what they are adapted to and by what they use.
TEST(FleetLint, FindsTheBuildsThatRunAndAreConcerned) {
  ctl::LintReport report;
  const auto migration =
      chain::ReadMigration("002_drop.sql", "ALTER TABLE users DROP COLUMN nick;\n");
  ASSERT_TRUE(migration.ok());
  const auto before = chain::ReadMigration(
      "001_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY, nick text);\n");
  ASSERT_TRUE(before.ok());
  sql::model::Database empty;
  sql::Analyzer analyzer(chain::Replay(std::vector<chain::Migration>{*before}, empty));
  ctl::AddToReport(*migration, chain::AnalyzeMigration(&analyzer, *migration), &report);
  report.findings.clear();

  v1::ListInstancesResponse fleet;
  const auto add = [&](const std::string& build, int adapted_to, const std::string& state,
                       const std::vector<std::string>& uses) {
    v1::InstanceStatus& instance = *fleet.add_instances();
    instance.set_service("shop");
    instance.set_build(build);
    instance.set_adapted_to(adapted_to);
    instance.set_state(state);
    instance.set_uses_declared(!uses.empty());
    for (const std::string& use : uses) instance.add_uses(use);
  };
  add("v1", 0, "live", {"users"});
  add("v1", 0, "suspect", {"users"});
  add("v2", 0, "live", {"users.id", "orders"});
  add("v3", 2, "live", {"users"});
  add("v4", 0, "waiting", {});
  add("v5", 1, "draining", {});
  ctl::AddConcerned(fleet, &report);
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.findings[0].message,
            "contract 2 concerns shop@v1, of which 2 instances run: adapted to 0, uses users");
  EXPECT_EQ(report.findings[0].rule, "concerns-live-build");
  EXPECT_EQ(report.findings[1].message,
            "contract 2 concerns shop@v5, of which 1 instance runs: adapted to 1");
  EXPECT_EQ(ctl::WorstOf(report), sql::Severity::kWarning);
}

TEST_F(CliAttest, WhatAContractWillTakeAwayMayBeUsedUntilThen) {
  Service("service: shop\nuses:\n  - users.nick\n");
  EXPECT_EQ(CodeOf(Run({"lint", "--service-file", dir_.File("services/shop/lockstep.yaml")})), 0);
  Service("service: shop\nadapted_to: 2\nuses:\n  - users.nick\n");
  const CommandResult result = Run(
      {"lint", "--fail-on", "warning", "--service-file", dir_.File("services/shop/lockstep.yaml")});
  EXPECT_EQ(CodeOf(result), 3);
  EXPECT_THAT(result.out,
              HasSubstr("shop uses users.nick and is adapted to 2, but migration 2 takes "
                        "it away"));
  EXPECT_THAT(result.out, HasSubstr("[removed-use]"));
}

}  // namespace
}  // namespace lockstep::testing
