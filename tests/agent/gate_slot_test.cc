#include "agent/gate_slot.h"

#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

#include "engine/base/error_info.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using agent::GateSlot;

GateVerdict Verdict(GateState state, const std::string& reason) {
  return {.state = state, .reason = reason, .detail = "detail of " + reason};
}

TEST(GateSlot, BeginsByConnecting) {
  const GateSlot slot;
  EXPECT_EQ(slot.Get().state, GateState::kWait);
  EXPECT_EQ(slot.Get().reason, "connecting");
  EXPECT_FALSE(slot.is_open());
}

TEST(GateSlot, OnceOpenStaysOpen) {
  GateSlot slot;
  slot.Set(Verdict(GateState::kOpen, "ready"));
  slot.Set(Verdict(GateState::kRefused, "too_old"));
  slot.SetConnecting("gone");
  EXPECT_EQ(slot.Get().reason, "ready");
  EXPECT_THAT(slot.WaitUntilOpen(absl::ZeroDuration()), IsOk());
}

TEST(GateSlot, WaitingEndsWhenItOpens) {
  GateSlot slot;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back(
        [&slot] { EXPECT_THAT(slot.WaitUntilOpen(absl::InfiniteDuration()), IsOk()); });
  }
  slot.Set(Verdict(GateState::kWait, "applying"));
  slot.Set(Verdict(GateState::kOpen, "ready"));
  for (std::thread& waiter : waiters) waiter.join();
}

TEST(GateSlot, ARefusedBuildNeedNotWait) {
  GateSlot slot;
  slot.Set(Verdict(GateState::kRefused, "too_old"));
  const absl::Status status = slot.WaitUntilOpen(absl::InfiniteDuration());
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "GATE_REFUSED"));
  EXPECT_EQ(base::MetadataOf(status, "reason"), "too_old");
}

TEST(GateSlot, DrainingIsWaitedForWhateverItsState) {
  for (const GateState state : {GateState::kRefused, GateState::kWait}) {
    GateSlot slot;
    slot.Set(Verdict(state, "draining"));
    EXPECT_THAT(slot.WaitUntilOpen(absl::Milliseconds(10)),
                StatusIs(StatusCode::kDeadlineExceeded, "GATE_TIMEOUT"));
    std::thread waiter(
        [&slot] { EXPECT_THAT(slot.WaitUntilOpen(absl::InfiniteDuration()), IsOk()); });
    slot.Set(Verdict(GateState::kOpen, "ready"));
    waiter.join();
  }
}

TEST(GateSlot, TimingOutNamesTheReason) {
  GateSlot slot;
  slot.Set(Verdict(GateState::kWait, "behind"));
  const absl::Status status = slot.WaitUntilOpen(absl::ZeroDuration());
  EXPECT_THAT(status, StatusIs(StatusCode::kDeadlineExceeded, "GATE_TIMEOUT"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("detail of behind"));
}

TEST(GateSlot, StopEndsTheWaiting) {
  GateSlot slot;
  std::thread waiter([&slot] {
    EXPECT_THAT(slot.WaitUntilOpen(absl::InfiniteDuration()), StatusIs(StatusCode::kCancelled));
  });
  slot.Stop();
  waiter.join();
}

TEST(GateSlot, WhyNobodyAnswersIsToldUntilSomebodyDoes) {
  GateSlot slot;
  slot.SetConnecting("connection refused");
  EXPECT_EQ(slot.Get().detail, "connection refused");
  slot.Set(Verdict(GateState::kWait, "applying"));
  slot.SetConnecting("connection lost");
  EXPECT_EQ(slot.Get().detail, "detail of applying");
}

// What was said before nobody answered any more may have become wrong.
TEST(GateSlot, WhenNobodyAnswersItSaysSoUntilSomebodyDoes) {
  GateSlot slot;
  slot.Set(Verdict(GateState::kWait, "behind"));
  slot.SetAway({.detail = "neither the one nor the other"});
  EXPECT_EQ(slot.Get().reason, "connecting");
  slot.SetConnecting("coordinator at x: refused");
  EXPECT_EQ(slot.Get().detail, "neither the one nor the other");
  slot.Set(Verdict(GateState::kWait, "applying"));
  EXPECT_EQ(slot.Get().reason, "applying");
  slot.Set(Verdict(GateState::kRefused, "draining"));
  slot.SetAway({.detail = "away"});
  EXPECT_EQ(slot.Get().detail, "away");
  slot.Set(Verdict(GateState::kRefused, "too_old"));
  slot.SetAway({.detail = "away"});
  EXPECT_EQ(slot.Get().reason, "too_old");
  GateSlot open;
  open.Set(Verdict(GateState::kOpen, "ready"));
  open.SetAway({.detail = "away"});
  EXPECT_EQ(open.Get().reason, "ready");
}

TEST(GateSlot, AnObserverSeesTheFirstAndTheLastVerdict) {
  GateSlot slot;
  base::Mutex mu;
  std::vector<std::string> seen;
  slot.Observe([&](const GateVerdict& verdict) {
    base::MutexLock lock(mu);
    seen.push_back(verdict.reason);
  });
  const auto last_is = [&](const std::string& reason) {
    return Eventually([&] {
      base::MutexLock lock(mu);
      return !seen.empty() && seen.back() == reason;
    });
  };
  EXPECT_TRUE(last_is("connecting"));
  slot.Set(Verdict(GateState::kWait, "behind"));
  slot.Set(Verdict(GateState::kOpen, "ready"));
  EXPECT_TRUE(last_is("ready"));
}

TEST(GateSlot, ReplacingAnObserverWaitsForItsCall) {
  GateSlot slot;
  absl::Notification entered, go_on;
  std::atomic<bool> left = false;
  slot.Observe([&](const GateVerdict&) {
    entered.Notify();
    go_on.WaitForNotification();
    left = true;
  });
  entered.WaitForNotification();
  std::thread releaser([&] { go_on.Notify(); });
  slot.Observe(nullptr);
  EXPECT_TRUE(left);
  releaser.join();
}

TEST(GateSlot, AnObserverMayReplaceItselfAndStop) {
  GateSlot slot;
  absl::Notification done;
  slot.Observe([&](const GateVerdict&) {
    slot.Observe(nullptr);
    slot.Stop();
    done.Notify();
  });
  done.WaitForNotification();
}

}  // namespace
}  // namespace lockstep::testing
