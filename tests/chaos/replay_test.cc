#include "tests/chaos/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::chaos {
namespace {

// The invariants that the events violate, in order.
std::vector<std::string> Violated(std::vector<Event> events) {
  Replay replay;
  std::vector<std::string> violated;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].revision == 0) events[i].revision = static_cast<int64_t>(i) + 1;
    for (const Finding& finding : replay.Add(events[i])) violated.push_back(finding.invariant);
  }
  return violated;
}

constexpr char kA[] = "chaos_coordinator_a";
constexpr char kB[] = "chaos_coordinator_b";

Event By(const char* author, Event event) {
  event.author = author;
  event.leader = kA;
  event.leader_epoch = 1;
  return event;
}

const Event kElected = By(kA, {.kind = "leader_elected"});
const Event kGranted = By(kA, {.kind = "run_granted", .version = 1, .lease_epoch = 2});
const Event kApplied = By("agent", {.kind = "applied", .version = 1, .lease_epoch = 2});
const Event kRevoked = By(kA, {.kind = "run_revoked", .version = 1, .lease_epoch = 2});

TEST(Replay, AnOrdinaryRunIsInOrder) {
  EXPECT_THAT(Violated({kElected, kGranted, kApplied}), ::testing::IsEmpty());
  EXPECT_THAT(Violated({kElected, kGranted, kRevoked}), ::testing::IsEmpty());
}

TEST(Replay, NothingIsAppliedAfterItsRunWasRevoked) {
  EXPECT_THAT(Violated({kElected, kGranted, kRevoked, kApplied}), ::testing::ElementsAre("I3"));
}

TEST(Replay, NothingIsAppliedUnderAnOlderLease) {
  Event next = kGranted;
  next.lease_epoch = 3;
  EXPECT_THAT(Violated({kElected, kGranted, next, kApplied}), ::testing::ElementsAre("I3"));
}

TEST(Replay, AReplacedLeaderWritesNothing) {
  Event late = kGranted;
  late.leader = kB;
  late.leader_epoch = 2;
  EXPECT_THAT(Violated({kElected, late}), ::testing::ElementsAre("I5"));
}

TEST(Replay, NothingIsWrittenUnderAnEpochThatIsOver) {
  Event other = kElected;
  other.author = other.leader = kB;
  other.leader_epoch = 2;
  EXPECT_THAT(Violated({kElected, other, kGranted}), ::testing::ElementsAre("I5"));
  EXPECT_THAT(Violated({kElected, other}), ::testing::IsEmpty());
}

TEST(Replay, LeasesCountUpwards) {
  EXPECT_THAT(Violated({kElected, kGranted, kApplied, kGranted}), ::testing::ElementsAre("I6"));
}

TEST(Replay, AContractConcernsNobodyWhenItIsApplied) {
  Event contract = kApplied;
  contract.concerned = 1;
  EXPECT_THAT(Violated({kElected, kGranted, contract}), ::testing::ElementsAre("I9"));
}

TEST(Replay, RevisionsHaveNoGaps) {
  Event late = kGranted;
  late.revision = 9;
  EXPECT_THAT(Violated({kElected, late}), ::testing::ElementsAre("events"));
}

}  // namespace
}  // namespace lockstep::chaos
