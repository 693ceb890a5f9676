// What is listed: events, leases, sessions a page at a time, and the published chain.sum.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "coordinator/store/attempt_store.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/event_store.h"
#include "coordinator/store/run_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::AttemptRow;
using coordinator::EventPage;
using coordinator::SessionRow;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListsTest : public ::testing::Test {
 protected:
  EventPage Events(int64_t after, int limit) {
    const auto page = coordinator::ReadEvents(lockstep_.admin(), after, limit);
    EXPECT_THAT(page, IsOk());
    return page.value_or(EventPage{});
  }
  std::vector<AttemptRow> Attempts(std::optional<int64_t> before, int limit) {
    const auto rows = coordinator::ReadAttempts(lockstep_.admin(), before, limit);
    EXPECT_THAT(rows, IsOk());
    return rows.value_or(std::vector<AttemptRow>());
  }
  std::vector<std::string> Instances(const coordinator::SessionQuery& query) {
    const auto rows = coordinator::ReadSessionPage(lockstep_.admin(), query);
    EXPECT_THAT(rows, IsOk());
    std::vector<std::string> names;
    for (const SessionRow& row : rows.value_or(std::vector<SessionRow>())) {
      names.push_back(row.declaration.instance);
    }
    return names;
  }

  LockstepDatabase lockstep_;
};

TEST_F(ListsTest, EventsAreReadOnFromASequenceAndWithoutGaps) {
  lockstep_.Publish({{}, {}, {}});
  const EventPage all = Events(0, 100);
  ASSERT_GE(all.events.size(), 3);
  for (size_t i = 0; i < all.events.size(); ++i) {
    EXPECT_EQ(all.events[i].sequence, static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(all.newest, all.events.back().sequence);
  EXPECT_EQ(all.events.back().kind, "published");
  EXPECT_EQ(all.events.back().version, 3);
  EXPECT_TRUE(absl::StrContains(all.events.back().detail, "title_3"));
  const EventPage rest = Events(all.newest - 2, 1);
  ASSERT_EQ(rest.events.size(), 1);
  EXPECT_EQ(rest.events[0].version, 2);
  EXPECT_EQ(rest.newest, all.newest);
}

TEST_F(ListsTest, AtTheEndOfTheLogThereAreNoEventsButItsEndIsKnown) {
  lockstep_.Publish({{}});
  const int64_t newest = Events(0, 100).newest;
  EXPECT_THAT(Events(newest, 10).events, IsEmpty());
  EXPECT_EQ(Events(newest + 7, 10).newest, newest);
  const auto last = coordinator::ReadLastEvents(lockstep_.admin(), 1);
  ASSERT_THAT(last, IsOk());
  ASSERT_EQ(last->events.size(), 1);
  EXPECT_EQ(last->events[0].sequence, newest);
}

TEST_F(ListsTest, LeasesAreNewestFirstWithTheHeldOneAndWhatWasCommitted) {
  lockstep_.Publish({{}, {}, {}});
  lockstep_.Run(1, 1);
  const auto token = lockstep_.Grant(2, 3);
  std::vector<AttemptRow> rows = Attempts(std::nullopt, 10);
  ASSERT_EQ(rows.size(), 2);
  EXPECT_TRUE(rows[0].held);
  EXPECT_EQ(rows[0].lease_epoch, token.epoch);
  EXPECT_EQ(rows[0].first, 2);
  EXPECT_EQ(rows[0].last, 3);
  EXPECT_TRUE(rows[0].expires_at.has_value());
  EXPECT_FALSE(rows[0].ended_at.has_value());
  EXPECT_FALSE(rows[1].held);
  EXPECT_EQ(rows[1].outcome, "succeeded");
  EXPECT_EQ(rows[1].committed, 1);
  EXPECT_FALSE(rows[1].expires_at.has_value());

  // Taken back after its first version: that one stays, and is shown.
  const auto session = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*session, token, 2), IsOk());
  ASSERT_THAT(session->Execute("COMMIT"), IsOk());
  ASSERT_THAT(coordinator::RevokeRun(lockstep_.admin(), lockstep_.leader(), token, "silent",
                                     absl::Seconds(5)),
              IsOkAndHolds(true));
  rows = Attempts(std::nullopt, 1);
  ASSERT_EQ(rows.size(), 1);
  EXPECT_FALSE(rows[0].held);
  EXPECT_EQ(rows[0].outcome, "revoked");
  EXPECT_EQ(rows[0].committed, 2);
  EXPECT_EQ(rows[0].error->message, "silent");
  rows = Attempts(rows[0].lease_epoch, 10);
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0].last, 1);
}

TEST_F(ListsTest, SessionsComeInPagesThatLeaveNobodyOut) {
  for (const char* name : {"b", "d", "a", "c"}) lockstep_.Admit(lockstep_.Instance(name, 0));
  const auto first = coordinator::ReadSessionPage(lockstep_.admin(), {.limit = 3});
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->size(), 3);
  EXPECT_EQ(first->back().declaration.instance, "c");
  const std::string last = first->back().declaration.session_id;
  EXPECT_THAT(Instances({.after = last}), ElementsAre("d"));
  EXPECT_THAT(Instances({.instance = last}), ElementsAre("c"));
  EXPECT_THAT(Instances({.instance = "b"}), ElementsAre("b"));
  EXPECT_THAT(Instances({.service = "nobody"}), IsEmpty());
  EXPECT_THAT(coordinator::ReadSessionPage(lockstep_.admin(), {.after = base::NewUuid()}),
              StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"));
}

TEST_F(ListsTest, AnInstanceThatEndedIsNotListedButItsPageTokenGoesOn) {
  for (const char* name : {"a", "b"}) lockstep_.Admit(lockstep_.Instance(name, 0));
  const auto all = coordinator::ReadSessionPage(lockstep_.admin(), {});
  const std::string gone = all->front().declaration.session_id;
  ASSERT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), gone, "closed"),
              IsOkAndHolds(true));
  EXPECT_THAT(Instances({}), ElementsAre("b"));
  EXPECT_THAT(Instances({.after = gone}), ElementsAre("b"));
}

TEST_F(ListsTest, TheChainIsWhatWasPublished) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.db().RunScript(
      "INSERT INTO lockstep.backfill (name, after, sql, digest) VALUES "
      "('b_job', 1, '', sha256('b')), ('a_job', 1, '', sha256('a')), "
      "('a_2', 1, '', sha256('c'))");
  const auto sum = coordinator::ReadChainSum(lockstep_.admin());
  ASSERT_THAT(sum, IsOk());
  EXPECT_EQ(sum->head(), 2);
  EXPECT_EQ(sum->entries[1].digest, lockstep_.DigestOf(2));
  EXPECT_EQ(sum->head_hash(), lockstep_.ChainHashAt(2));
  // In the order of bytes, whatever the database sorts by.
  ASSERT_EQ(sum->backfills.size(), 3);
  EXPECT_EQ(sum->backfills[0].name, "a_2");
  EXPECT_EQ(sum->backfills[2].name, "b_job");
}

}  // namespace
}  // namespace lockstep::testing
