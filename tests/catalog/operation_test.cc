// Operations, the event log, and publishing.
#include <functional>
#include <gtest/gtest.h>
#include <set>

#include "absl/strings/str_cat.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/run_store.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using coordinator::AppendMigrations;
using coordinator::OperationState;
using coordinator::StartOperation;
using coordinator::UpgradeRequest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OperationTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Start(const UpgradeRequest& request) {
    return StartOperation(lockstep_.admin(), lockstep_.leader(), request);
  }
  absl::Status Cancel(const std::string& id) {
    return coordinator::CancelOperation(lockstep_.admin(), lockstep_.leader(), id, "ann", "why");
  }
  absl::Status Pause(const std::string& id, bool paused) {
    return coordinator::PauseOperation(lockstep_.admin(), lockstep_.leader(), id, paused, "ann",
                                       "why");
  }
  absl::Status Grant(const std::string& operation) {
    return coordinator::GrantRun(lockstep_.admin(), lockstep_.leader(), lockstep_.lease_epoch(),
                                 {.first = 1,
                                  .last = 1,
                                  .session = base::NewUuid(),
                                  .holder = "a@b",
                                  .operation = operation,
                                  .ttl = absl::Seconds(30)})
        .status();
  }
  // Eight starts that all get as far as they can before the first one commits.
  std::vector<absl::StatusOr<std::string>> StartTogether(
      const std::function<std::string(int)>& request_id) {
    const auto blocker = lockstep_.Session();
    (void)blocker->Execute("BEGIN");
    (void)blocker->Execute("SELECT FROM lockstep.chain FOR NO KEY UPDATE");
    std::vector<std::future<absl::StatusOr<std::string>>> starts;
    for (int i = 0; i < 8; ++i) {
      starts.push_back(Async([this, id = request_id(i)] {
        return StartOperation(*lockstep_.Connect(), lockstep_.leader(),
                              {.request_id = id, .target = 1});
      }));
    }
    EXPECT_TRUE(Eventually([&] {
      return lockstep_.Scalar("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted") == "8";
    }));
    (void)blocker->Execute("COMMIT");
    std::vector<absl::StatusOr<std::string>> results;
    for (auto& start : starts) results.push_back(start.get());
    return results;
  }
  std::string Revision() { return lockstep_.Scalar("SELECT revision FROM lockstep.chain"); }

  LockstepDatabase lockstep_;
};

TEST_F(OperationTest, TheSameRequestStartsTheSameOperationOnce) {
  const UpgradeRequest request{.request_id = "r", .target = 3, .actor = "ann"};
  const auto first = Start(request);
  ASSERT_THAT(first, IsOk());
  const std::string revision = Revision();
  EXPECT_THAT(Start(request), IsOkAndHolds(*first));
  EXPECT_EQ(Revision(), revision);
  ASSERT_THAT(coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), *first,
                                        OperationState::kSucceeded, {}),
              IsOkAndHolds(true));
  EXPECT_THAT(Start(request), IsOkAndHolds(*first));  // Also after it ended.
}

TEST_F(OperationTest, ARequestIdOfAnotherRequestIsRefused) {
  ASSERT_THAT(Start({.request_id = "r", .target = 3}), IsOk());
  EXPECT_THAT(Start({.request_id = "r", .target = 4}),
              StatusIs(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
  EXPECT_THAT(Start({.request_id = "r", .target = 3, .contracts = true}),
              StatusIs(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
}

TEST_F(OperationTest, ASecondOneIsRefusedWithTheIdOfTheFirst) {
  const auto first = Start({.request_id = "a", .target = 1});
  ASSERT_THAT(first, IsOk());
  for (int i = 0; i < 2; ++i) {
    const auto second = Start({.request_id = "b", .target = 1});
    EXPECT_THAT(second, StatusIs(StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
    EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(*first));
    ASSERT_THAT(Cancel(*first), IsOk());  // Still in the way while it is being cancelled.
  }
  ASSERT_THAT(coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), *first,
                                        OperationState::kCancelled, {}),
              IsOkAndHolds(true));
  EXPECT_THAT(Start({.request_id = "b", .target = 1}), IsOk());
}

// A client that repeats its call because the first answer was slow.
TEST_F(OperationTest, EightStartsOfOneRequestAtOnceGetOneOperation) {
  std::set<std::string> ids;
  for (const auto& id : StartTogether([](int) { return "r"; })) {
    EXPECT_THAT(id, IsOk());
    if (id.ok()) ids.insert(*id);
  }
  EXPECT_EQ(ids.size(), 1);
}

TEST_F(OperationTest, OfEightRequestsAtOnceOneStartsAndTheOthersLearnItsId) {
  int started = 0;
  for (const auto& id : StartTogether([](int i) { return absl::StrCat("r", i); })) {
    if (id.ok()) {
      ++started;
    } else {
      EXPECT_THAT(id, StatusIs(StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
    }
  }
  EXPECT_EQ(started, 1);
}

TEST_F(OperationTest, CancelIsIdempotentAndNeedsAnOperation) {
  EXPECT_THAT(Cancel("op-none"), StatusIs(StatusCode::kNotFound, "OPERATION_NOT_FOUND"));
  const auto id = Start({.request_id = "r", .target = 1});
  ASSERT_THAT(id, IsOk());
  EXPECT_THAT(Cancel(*id), IsOk());
  const std::string revision = Revision();
  EXPECT_THAT(Cancel(*id), IsOk());
  EXPECT_EQ(Revision(), revision);
  EXPECT_EQ(coordinator::ReadOperation(lockstep_.admin(), *id)->state, OperationState::kCancelling);
  EXPECT_THAT(coordinator::ReadOperation(lockstep_.admin(), "op-none"),
              StatusIs(StatusCode::kNotFound, "OPERATION_NOT_FOUND"));
}

TEST_F(OperationTest, PauseAndResumeAreIdempotentAndWriteOneEventEach) {
  EXPECT_THAT(Pause("op-none", true), StatusIs(StatusCode::kNotFound, "OPERATION_NOT_FOUND"));
  const auto id = Start({.request_id = "r", .target = 1});
  ASSERT_THAT(id, IsOk());
  const auto state = [&] { return coordinator::ReadOperation(lockstep_.admin(), *id)->state; };
  const std::string before = Revision();
  EXPECT_THAT(Pause(*id, false), IsOk());
  EXPECT_EQ(Revision(), before);
  EXPECT_THAT(Pause(*id, true), IsOk());
  const std::string paused = Revision();
  EXPECT_NE(paused, before);
  EXPECT_THAT(Pause(*id, true), IsOk());
  EXPECT_EQ(Revision(), paused);
  EXPECT_EQ(state(), OperationState::kPaused);
  EXPECT_EQ(coordinator::ReadActiveOperation(lockstep_.admin())->value().operation_id, *id);
  EXPECT_EQ(lockstep_.Scalar("SELECT detail ->> 'by' FROM lockstep.event "
                             "WHERE kind = 'operation_paused'"),
            "ann");
  EXPECT_THAT(Pause(*id, false), IsOk());
  EXPECT_EQ(state(), OperationState::kRunning);
}

TEST_F(OperationTest, APausedOneIsGrantedNothingAndKeepsOthersOut) {
  lockstep_.Publish({{}});
  const auto id = Start({.request_id = "r", .target = 1});
  ASSERT_THAT(Pause(*id, true), IsOk());
  EXPECT_THAT(Grant(*id), StatusIs(StatusCode::kAborted, "BUSY"));
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight IS NULL FROM lockstep.chain"), "t");
  EXPECT_THAT(Start({.request_id = "s", .target = 1}),
              StatusIs(StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
  ASSERT_THAT(Pause(*id, false), IsOk());
  EXPECT_THAT(Grant(*id), IsOk());
}

TEST_F(OperationTest, APausedOneIsCancelledAndOneThatEndedIsNotPaused) {
  const auto id = Start({.request_id = "r", .target = 1});
  ASSERT_THAT(Pause(*id, true), IsOk());
  EXPECT_THAT(Cancel(*id), IsOk());
  EXPECT_THAT(Pause(*id, false), IsOk());
  EXPECT_EQ(coordinator::ReadOperation(lockstep_.admin(), *id)->state, OperationState::kCancelling);
}

TEST_F(OperationTest, EndsOnceAndKeepsItsFirstError) {
  const auto id = Start({.request_id = "r", .target = 1});
  const coordinator::RunError error{
      .version = 1, .line = 7, .reason = "SQL_ERROR", .sqlstate = "42601", .message = "é \""};
  const auto end = [&](OperationState state) {
    return coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), *id, state, error);
  };
  EXPECT_THAT(end(OperationState::kFailed), IsOkAndHolds(true));
  EXPECT_THAT(end(OperationState::kSucceeded), IsOkAndHolds(false));
  const auto row = coordinator::ReadOperation(lockstep_.admin(), *id);
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->state, OperationState::kFailed);
  ASSERT_TRUE(row->error.has_value());
  EXPECT_EQ(row->error->message, "é \"");
  EXPECT_EQ(row->error->line, 7);
  EXPECT_EQ(row->error->reason, "SQL_ERROR");
  EXPECT_TRUE(row->ended_at.has_value());
}

TEST_F(OperationTest, ADeferredOneSaysHowLong) {
  const auto id = Start({.request_id = "r", .target = 1});
  ASSERT_THAT(coordinator::DeferOperation(lockstep_.admin(), lockstep_.leader(), *id,
                                          absl::Hours(1), {.message = "busy"}),
              IsOk());
  const auto row = coordinator::ReadActiveOperation(lockstep_.admin());
  ASSERT_THAT(row, IsOk());
  ASSERT_TRUE(row->has_value());
  EXPECT_GT((*row)->delay, absl::Minutes(59));
  EXPECT_LE((*row)->delay, absl::Hours(1));
}

TEST_F(OperationTest, ErrorsOfAnyBytesAreStored) {
  const auto id = Start({.request_id = "r", .target = 1});
  const coordinator::RunError error{.message = std::string("a\0b\xff", 4)};
  EXPECT_THAT(coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), *id,
                                        OperationState::kFailed, error),
              IsOkAndHolds(true));
}

TEST_F(OperationTest, RevisionsHaveNoGapsUnderEightWriters) {
  const int64_t before = std::stoll(Revision());
  std::vector<std::future<int>> writers;
  for (int i = 0; i < 8; ++i) {
    writers.push_back(Async([this, i] {
      const auto session = lockstep_.Session();
      int written = 0;
      for (int j = 0; j < 20; ++j) {
        (void)session->Execute("BEGIN");
        (void)session->Execute("SELECT lockstep.emit('test', NULL, NULL, NULL)");
        const bool keep = (i + j) % 3 != 0;  // Every third changes its mind.
        if (session->Execute(keep ? "COMMIT" : "ROLLBACK").ok() && keep) ++written;
      }
      return written;
    }));
  }
  int64_t written = 0;
  for (auto& writer : writers) written += writer.get();
  EXPECT_EQ(std::stoll(Revision()), before + written);
  EXPECT_EQ(lockstep_.Scalar("SELECT max(revision) = count(*) FROM lockstep.event"), "t");
  // In the order of the commits: no later event has an earlier time.
  EXPECT_EQ(
      lockstep_.Scalar("SELECT count(*) FROM (SELECT at < lag(at) OVER (ORDER BY revision) AS "
                       "back FROM lockstep.event) x WHERE back"),
      "0");
}

class PublishTest : public OperationTest {
 protected:
  static chain::Migration Migration(Version version) {
    chain::Migration m;
    m.version = version;
    m.title = absl::StrCat("title_", version);
    m.sql = absl::StrCat("CREATE TABLE t", version, " ()");
    m.digest = base::Sha256Of(m.sql);
    m.phase = sql::Phase::kExpand;
    return m;
  }
  static chain::Backfill Backfill(const std::string& sql) {
    chain::Backfill b;
    b.name = "job";
    b.sql = sql;
    b.digest = base::Sha256Of(sql);
    b.after = 1;
    return b;
  }
  auto Append(const std::string& parent, const std::vector<chain::Migration>& migrations,
              const std::vector<chain::Backfill>& backfills = {}) {
    return AppendMigrations(lockstep_.admin(), lockstep_.leader(), parent, migrations, backfills,
                            "ann");
  }
  coordinator::ChainRow Chain() { return *coordinator::ReadChain(lockstep_.admin()); }
};

const auto kDiverged = StatusIs(StatusCode::kAborted, "CHAIN_DIVERGED");

TEST_F(PublishTest, ManyAreAppendedInTheirOrderAndAllOrNone) {
  constexpr int kMany = 40;  // More than go into one query.
  std::vector<chain::Migration> migrations;
  for (int version = 1; version <= kMany; ++version) migrations.push_back(Migration(version));
  std::vector<chain::Migration> broken = migrations;
  broken.back().version = kMany + 1;
  EXPECT_THAT(Append(chain::EmptyChainHash(), broken), kDiverged);
  EXPECT_EQ(Chain().head, 0);
  EXPECT_THAT(Append(chain::EmptyChainHash(), migrations), IsOk());
  EXPECT_EQ(Chain().head, kMany);
  EXPECT_EQ(lockstep_.Scalar("SELECT bool_and(version = place) FROM (SELECT version, row_number()"
                             " OVER (ORDER BY revision) AS place FROM lockstep.event"
                             " WHERE kind = 'published') x"),
            "t");
}

TEST_F(PublishTest, AppendsAndMovesTheHead) {
  EXPECT_THAT(Append(chain::EmptyChainHash(), {Migration(1), Migration(2)}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(Chain().head, 2);
  EXPECT_THAT(Append(Chain().head_hash, {Migration(3)}), IsOk());
  const auto entries = coordinator::ReadEntries(lockstep_.admin(), 1, 3);
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 3);
  std::string hash = chain::EmptyChainHash();
  for (const chain::ChainEntry& entry : *entries) {
    hash = chain::NextChainHash(hash, entry.version, entry.title, entry.digest);
    EXPECT_EQ(entry.chain_hash, hash);
  }
  EXPECT_EQ(Chain().head_hash, hash);
}

TEST_F(PublishTest, RefusesAGapAWrongParentAndARepetition) {
  ASSERT_THAT(Append(chain::EmptyChainHash(), {Migration(1)}), IsOk());
  EXPECT_THAT(Append(Chain().head_hash, {Migration(3)}), kDiverged);
  EXPECT_THAT(Append(chain::EmptyChainHash(), {Migration(2)}), kDiverged);
  EXPECT_THAT(Append(chain::EmptyChainHash(), {Migration(1)}), kDiverged);
  EXPECT_EQ(Chain().head, 1);
}

TEST_F(PublishTest, PublishesAllOrNothing) {
  const std::string revision = Revision();
  EXPECT_THAT(Append(chain::EmptyChainHash(),
                     {Migration(1), Migration(2), Migration(4), Migration(5), Migration(6)}),
              kDiverged);
  EXPECT_EQ(Chain().head, 0);
  EXPECT_EQ(Chain().head_hash, chain::EmptyChainHash());
  EXPECT_EQ(Revision(), revision);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.migration"), "0");
}

TEST_F(PublishTest, OfTwoPublishersAtOnceOneWins) {
  std::vector<std::future<bool>> publishers;
  for (int i = 0; i < 4; ++i) {
    publishers.push_back(Async([this] {
      return AppendMigrations(*lockstep_.Connect(), lockstep_.leader(), chain::EmptyChainHash(),
                              {Migration(1), Migration(2)}, {}, "ann")
          .ok();
    }));
  }
  int winners = 0;
  for (auto& publisher : publishers) winners += publisher.get() ? 1 : 0;
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(Chain().head, 2);
}

TEST_F(PublishTest, ABackfillIsPublishedOnceAndNeverChangedOnceItWasStarted) {
  EXPECT_THAT(Append(chain::EmptyChainHash(), {Migration(1)}, {Backfill("one")}),
              IsOkAndHolds(ElementsAre("job")));
  EXPECT_THAT(Append(Chain().head_hash, {}, {Backfill("one")}), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Append(Chain().head_hash, {}, {Backfill("corrected")}),
              IsOkAndHolds(ElementsAre("job")));
  lockstep_.db().Query("UPDATE lockstep.backfill SET run = 1");
  // Refused, and the migration that came with it too.
  EXPECT_THAT(Append(Chain().head_hash, {Migration(2)}, {Backfill("two")}), kDiverged);
  EXPECT_EQ(Chain().head, 1);
}

}  // namespace
}  // namespace lockstep::testing
