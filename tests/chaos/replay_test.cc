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

const Event kElected = {.kind = "leader_elected", .author = "a"};
const Event kGranted = {.kind = "run_granted", .version = 1, .lease_epoch = 2, .author = "a"};
const Event kApplied = {.kind = "applied", .version = 1, .lease_epoch = 2, .author = "agent"};
const Event kRevoked = {.kind = "run_revoked", .version = 1, .lease_epoch = 2, .author = "a"};

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
  Event other = kElected;
  other.author = "b";
  EXPECT_THAT(Violated({kElected, other, kGranted}), ::testing::ElementsAre("I5"));
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
