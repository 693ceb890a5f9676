#include "coordinator/operation/deploy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Version kHead = 6;

PendingMigration Pending(Version version, sql::Phase phase = sql::Phase::kExpand) {
  return {.version = version, .title = absl::StrCat("t", version), .phase = phase};
}

// A chain of six expands, applied up to `applied`, and served.
class DeployTest : public ::testing::Test {
 protected:
  explicit DeployTest() {
    auto chain = std::make_shared<PublishedChain>();
    for (Version v = 1; v <= kHead; ++v) {
      chain->hashes.push_back(std::string(32, static_cast<char>(v)));
      chain->default_needs.push_back(v);
    }
    facts_.gate.published = chain;
    facts_.gate.head = kHead;
    SetApplied(kHead, {});
  }
  void SetApplied(Version applied, std::vector<PendingMigration> pending,
                  bool never_served = false) {
    facts_.gate.applied = applied;
    facts_.upgrade =
        MakePlan({.chain = {.applied = applied, .head = kHead, .never_served = never_served},
                  .pending = std::move(pending)},
                 0, false);
  }
  static Declaration Build(Version built_for, Version adapted_to = 0) {
    return {.service = "shop",
            .build = "b",
            .configured = true,
            .built_for = built_for,
            .chain_hash = std::string(32, static_cast<char>(built_for)),
            .adapted_to = adapted_to};
  }
  DeployVerdict Ask(const Declaration& build) { return JudgeDeploy(facts_, build); }

  DeployFacts facts_;
};

TEST_F(DeployTest, StartsNowWhereItsGateIsOpen) {
  const DeployVerdict verdict = Ask(Build(4));
  EXPECT_EQ(verdict.deployability, Deployability::kNow);
  EXPECT_EQ(verdict.now.reason, "ahead");
  EXPECT_EQ(verdict.why_not, "");
}

TEST_F(DeployTest, StartsAfterTheUpgradeThatReachesWhatItNeeds) {
  SetApplied(4, {Pending(5), Pending(6)});
  const DeployVerdict verdict = Ask(Build(6));
  EXPECT_EQ(verdict.deployability, Deployability::kAfterUpgrade);
  EXPECT_EQ(verdict.now.reason, "behind");
  EXPECT_EQ(verdict.after_upgrade.reason, "ready");
}

TEST_F(DeployTest, DoesNotStartWhereTheUpgradeEndsBeforeWhatItNeeds) {
  PendingMigration blocked = Pending(6);
  blocked.needs_backfill = {"fill_v1"};
  SetApplied(4, {Pending(5), blocked});
  EXPECT_EQ(Ask(Build(5)).deployability, Deployability::kAfterUpgrade);
  const DeployVerdict verdict = Ask(Build(6));
  EXPECT_EQ(verdict.deployability, Deployability::kNo);
  EXPECT_THAT(verdict.why_not, HasSubstr("gets to 5 only: version 6 needs backfill fill_v1"));
}

TEST_F(DeployTest, DoesNotStartWhatTheGateRefuses) {
  Declaration diverged = Build(4);
  diverged.chain_hash = std::string(32, 'x');
  EXPECT_EQ(Ask(diverged).deployability, Deployability::kNo);
  EXPECT_EQ(Ask(diverged).now.reason, "diverged");
  EXPECT_EQ(Ask(Build(kHead + 1)).deployability, Deployability::kNo);
  EXPECT_EQ(Ask(Build(kHead + 1)).now.reason, "not_published");
  facts_.gate.barrier = GateBarrier{.version = 3, .owner = "ann", .until = "noon"};
  facts_.waiting = {{.version = 3, .title = "drop"}};
  const DeployVerdict draining = Ask(Build(4));
  EXPECT_EQ(draining.deployability, Deployability::kNo);
  EXPECT_EQ(draining.now.reason, "draining");
  ASSERT_THAT(draining.shut_out_by, SizeIs(1));
  EXPECT_EQ(draining.shut_out_by[0].standing, ContractStanding::kDraining);
  EXPECT_EQ(Ask(Build(4, 3)).deployability, Deployability::kNow);
}

TEST_F(DeployTest, TellsContractsThatDoAndThatWillShutItOut) {
  facts_.gate.contracts = {{.version = 2, .title = "two", .ran_at = "2030-01-02 03:04:05 UTC"},
                           {.version = 4, .title = "four"}};
  facts_.inflight = 4;
  facts_.waiting = {{.version = 3, .title = "three"},
                    {.version = 4, .title = "four"},
                    {.version = 5, .title = "five", .touches = {{"users.email", "orders"}}},
                    {.version = 6, .title = "six"}};
  facts_.operation = OperationRow{.target = 3, .contracts = true};
  facts_.cared_for = {5};
  Declaration build = Build(6);
  build.uses = {{"users", "carts"}};
  const DeployVerdict verdict = Ask(build);
  EXPECT_EQ(verdict.deployability, Deployability::kNo);
  EXPECT_EQ(verdict.now.reason, "too_old");
  std::vector<std::string> told;
  for (const ShuttingOut& contract : verdict.shut_out_by) {
    told.push_back(absl::StrCat(contract.version, ":", static_cast<int>(contract.standing)));
  }
  EXPECT_THAT(told, ElementsAre("2:4", "3:1", "4:3", "5:1", "6:0"));
  EXPECT_THAT(verdict.shut_out_by[3].concern.overlaps, ElementsAre("users.email"));
  EXPECT_EQ(verdict.shut_out_by[3].concern.why, "it is adapted to 0 and uses users.email");
  EXPECT_THAT(Ask(Build(6, 6)).shut_out_by, IsEmpty());
}

// There the upgrade runs contracts in line.
TEST_F(DeployTest, OnADatabaseThatWasNeverServedTheUpgradeItselfMayShutItOut) {
  SetApplied(4, {Pending(5, sql::Phase::kContract), Pending(6)}, /*never_served=*/true);
  facts_.waiting = {{.version = 5, .title = "t5"}};
  const DeployVerdict verdict = Ask(Build(6));
  EXPECT_EQ(verdict.deployability, Deployability::kNo);
  EXPECT_THAT(verdict.why_not, HasSubstr("runs contract 5 (t5), which concerns it"));
  EXPECT_EQ(Ask(Build(6, 5)).deployability, Deployability::kAfterUpgrade);
}

TEST(ConcernTest, NamesTheNarrowerOfTwoNamesOnce) {
  Declaration build{.adapted_to = 2};
  build.uses = {{"users", "orders.id", "public.users.email"}};
  const auto concern =
      ConcernOf(3, {{"users.email", "public.users.email", "orders", "users"}}, build);
  ASSERT_TRUE(concern.has_value());
  EXPECT_THAT(concern->overlaps, ElementsAre("orders.id", "public.users.email", "users.email"));
  EXPECT_FALSE(ConcernOf(2, std::nullopt, build).has_value());
  EXPECT_FALSE(ConcernOf(3, {{"carts"}}, build).has_value());
}

TEST(ConcernTest, SaysWhichOfTheTwoIsNotKnown) {
  Declaration build{.adapted_to = 2};
  EXPECT_EQ(ConcernOf(3, {{"a"}}, build)->why, "it is adapted to 2 and does not say what it uses");
  build.uses = {{"a"}};
  EXPECT_EQ(ConcernOf(3, std::nullopt, build)->why,
            "it is adapted to 2, and what contract 3 touches is not known");
}

}  // namespace
}  // namespace lockstep::coordinator
