// The verbs of release tooling, and the state of the whole cluster.
#include "coordinator/operation/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/status/cluster_state.h"
#include "engine/base/error_info.h"
#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

using absl::StatusCode;
using base::MetadataOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StatusIs;

class OperationsTest : public CoordinatorTest {
 protected:
  static chain::Migration Migration(Version version, const std::string& sql = "SELECT 1") {
    auto m = chain::ReadMigration(absl::StrCat("00", version, "_title_", version, ".sql"), sql);
    EXPECT_THAT(m, IsOk());
    return *m;
  }
  absl::StatusOr<PublishResult> Publish(std::vector<chain::Migration> migrations,
                                        const std::string& parent = "",
                                        bool validate_only = false) {
    return operations_->Publish({.migrations = std::move(migrations),
                                 .parent_hash = parent,
                                 .validate_only = validate_only,
                                 .actor = "ann"});
  }
  absl::StatusOr<OperationView> Start(const UpgradeRequest& request,
                                      const std::string& digest = "") {
    return operations_->StartUpgrade(request, digest);
  }
};

TEST_F(OperationsTest, PublishesAndPublishesAgain) {
  const auto first = Publish({Migration(1), Migration(2)});
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->head, 2);
  EXPECT_THAT(first->added, ElementsAre(1, 2));
  const auto again = Publish({Migration(1), Migration(2)});
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->added, IsEmpty());
  EXPECT_EQ(again->head_hash, first->head_hash);
  const auto longer = Publish({Migration(1), Migration(2), Migration(3)});
  ASSERT_THAT(longer, IsOk());
  EXPECT_THAT(longer->added, ElementsAre(3));
  const auto tail = Publish({Migration(4)}, longer->head_hash);
  ASSERT_THAT(tail, IsOk());
  EXPECT_EQ(tail->head, 4);
}

TEST_F(OperationsTest, APlanRightAfterPublishingSaysWhatALaterOneSays) {
  ASSERT_THAT(Publish({Migration(1, "CREATE TABLE a (id int)")}), IsOk());
  ASSERT_THAT(Publish({Migration(2, "CREATE INDEX a_id ON a (id)"),
                       Migration(3, "ALTER TABLE a DROP COLUMN id")},
                      operations_->PlanUpgrade(0, true)->review.chain_hashes.at(1)),
              IsOk());
  const auto at_once = operations_->PlanUpgrade(0, true);
  const auto later = operations_->PlanUpgrade(0, true);  // The review is given away by now.
  ASSERT_THAT(at_once, IsOk());
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ(at_once->digest, later->digest);
  EXPECT_EQ(at_once->review.chain_hashes, later->review.chain_hashes);
  ASSERT_EQ(at_once->review.migrations.size(), 3u);
  ASSERT_EQ(later->review.migrations.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(at_once->review.migrations[i].migration.phase,
              later->review.migrations[i].migration.phase);
    EXPECT_EQ(at_once->review.migrations[i].analysis.findings.size(),
              later->review.migrations[i].analysis.findings.size());
  }
}

TEST_F(OperationsTest, ValidatingChangesNothing) {
  const auto result = Publish({Migration(1)}, "", true);
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->added, ElementsAre(1));
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "0");
}

TEST_F(OperationsTest, AnEditedFileIsRefusedByName) {
  ASSERT_THAT(Publish({Migration(1), Migration(2)}), IsOk());
  const auto edited = Publish({Migration(1), Migration(2, "SELECT 2"), Migration(3)});
  EXPECT_THAT(edited, StatusIs(StatusCode::kFailedPrecondition, "DIGEST_MISMATCH"));
  EXPECT_EQ(MetadataOf(edited.status(), "file"), "002_title_2.sql");
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "2");
}

TEST_F(OperationsTest, ChainsThatPartAreRefusedWithBothSides) {
  ASSERT_THAT(Publish({Migration(1), Migration(2)}), IsOk());
  chain::Migration other = Migration(2, "SELECT 2");
  other.title = "other";
  const auto parted = Publish({Migration(1), other});
  EXPECT_THAT(parted, StatusIs(StatusCode::kAborted, "CHAIN_DIVERGED"));
  EXPECT_EQ(MetadataOf(parted.status(), "version"), "2");
  EXPECT_NE(MetadataOf(parted.status(), "hash"), MetadataOf(parted.status(), "published_hash"));
}

TEST_F(OperationsTest, AGapOrAWrongParentIsRefused) {
  const auto diverged = StatusIs(StatusCode::kAborted, "CHAIN_DIVERGED");
  EXPECT_THAT(Publish({Migration(2)}, chain::EmptyChainHash()), diverged);
  EXPECT_THAT(Publish({Migration(1), Migration(3)}), diverged);
  EXPECT_THAT(Publish({Migration(1), Migration(1)}), diverged);
  ASSERT_THAT(Publish({Migration(1)}), IsOk());
  EXPECT_THAT(Publish({Migration(2)}, chain::EmptyChainHash()), diverged);
  EXPECT_THAT(Publish({Migration(2)}, ""), diverged);
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "1");
}

TEST_F(OperationsTest, ATargetMustBePublished) {
  ASSERT_THAT(Publish({Migration(1)}), IsOk());
  for (Version target : {-1, 2}) {
    EXPECT_THAT(operations_->PlanUpgrade(target, false),
                StatusIs(StatusCode::kInvalidArgument, "INVALID_FIELD"));
    EXPECT_THAT(Start({.request_id = "r", .target = target}),
                StatusIs(StatusCode::kInvalidArgument, "INVALID_FIELD"));
  }
}

TEST_F(OperationsTest, AStalePlanIsRefusedAndARepeatedRequestIsNot) {
  ASSERT_THAT(Publish({Migration(1)}), IsOk());
  const auto plan = operations_->PlanUpgrade(0, false);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->review.migrations.size(), 1u);
  ASSERT_THAT(Publish({Migration(1), Migration(2)}), IsOk());
  const UpgradeRequest request{.request_id = "r"};
  EXPECT_THAT(Start(request, plan->digest), StatusIs(StatusCode::kAborted, "PLAN_STALE"));
  const auto started = Start(request, operations_->PlanUpgrade(0, false)->digest);
  ASSERT_THAT(started, IsOk());
  EXPECT_EQ(started->row.target, 2);
  const auto repeated = Start(request, operations_->PlanUpgrade(0, false)->digest);
  ASSERT_THAT(repeated, IsOk());
  EXPECT_EQ(repeated->row.operation_id, started->row.operation_id);
}

TEST_F(OperationsTest, OperationsAreListedNewestFirst) {
  ASSERT_THAT(Publish({Migration(1)}), IsOk());
  for (const char* id : {"a", "b"}) {
    const auto started = Start({.request_id = id, .reason = id});
    ASSERT_THAT(started, IsOk());
    ASSERT_THAT(operations_->Cancel(started->row.operation_id, "ann", ""), IsOk());
    ASSERT_TRUE(ComesToBe(started->row.operation_id, OperationState::kCancelled));
  }
  const auto all = operations_->List("", 10, false);
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->size(), 2);
  EXPECT_EQ((*all)[0].row.reason, "b");
  const auto older = operations_->List((*all)[0].row.operation_id, 10, false);
  ASSERT_EQ(older->size(), 1);
  EXPECT_EQ((*older)[0].row.reason, "a");
  EXPECT_EQ(operations_->List("", 1, false)->size(), 1);
  EXPECT_THAT(operations_->List("op-none", 1, false), StatusIs(absl::StatusCode::kNotFound));

  // Asked for in the same microsecond: none is told twice or left out.
  lockstep_.db().Query("UPDATE lockstep.operation SET created_at = now()");
  const auto first = operations_->List("", 1, false);
  const auto second = operations_->List(first->at(0).row.operation_id, 1, false);
  ASSERT_EQ(second->size(), 1);
  EXPECT_NE(second->at(0).row.operation_id, first->at(0).row.operation_id);
  EXPECT_TRUE(operations_->List(second->at(0).row.operation_id, 1, false)->empty());
  EXPECT_TRUE(operations_->List("", 10, true)->empty());
}

TEST_F(OperationsTest, TheStateOfTheClusterIsOneView) {
  ASSERT_THAT(Publish({Migration(1, "CREATE TABLE t1 ()")}), IsOk());
  const Agent open = Connect("open", 0, false);
  ASSERT_TRUE(Eventually([&] { return open.link->reason() == "ready"; }));
  fleet_->Heartbeat(open.declaration.session_id, true);
  ASSERT_THAT(Start({.request_id = "r"}), IsOk());
  const auto state = ReadClusterState({.database = &pool_,
                                       .elector = elector_.get(),
                                       .fleet = fleet_.get(),
                                       .operations = operations_.get()});
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(state->database, lockstep_.db().name());
  EXPECT_TRUE(state->self_leads);
  EXPECT_EQ(state->chain.head, 1);
  EXPECT_EQ(state->pending, 1);
  ASSERT_TRUE(state->operation.has_value());
  ASSERT_EQ(state->instances.size(), 1);
  EXPECT_TRUE(state->instances[0].connected);
  EXPECT_TRUE(state->instances[0].serving);
  EXPECT_EQ(state->instances[0].session.verdict.reason, "ready");
}

}  // namespace
}  // namespace lockstep::coordinator
