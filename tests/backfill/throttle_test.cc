#include "engine/backfill/throttle.h"

#include <functional>
#include <gtest/gtest.h>

#include "engine/base/error_info.h"

namespace lockstep::backfill {
namespace {

constexpr int64_t kMebibyte = 1 << 20;

Health Good(absl::Duration at = absl::Hours(12)) {
  return {.wal = 1000 * kMebibyte,
          .archive_failing = false,
          .vacuums = 0,
          .dead = 10,
          .live = 1'000'000,
          .active = 1,
          .lock_waits = 0,
          .at = absl::UnixEpoch() + at};
}

std::string Closed(const Health& health, const Settings& settings = {}) {
  LagTracker lag;
  lag.Look(health);
  const auto standing = Judge(settings, health, lag, 2);
  if (!standing.has_value()) return "";
  EXPECT_FALSE(standing->why.empty());
  return standing->throttle;
}

TEST(Throttle, AHealthyServerKeepsNothing) { EXPECT_EQ(Closed(Good()), ""); }

TEST(Throttle, EachClosesByItsNumber) {
  const std::pair<const char*, std::function<void(Health&)>> kCases[] = {
      {"replica",
       [](Health& h) {
         h.replicas = 1;
         h.replayed = *h.wal - 65 * kMebibyte;
       }},
      {"slots", [](Health& h) { h.slot_bytes = 5000 * kMebibyte; }},
      {"slots", [](Health& h) { h.lost_slots = 1; }},
      {"archive", [](Health& h) { h.archive_failing = true; }},
      {"autovacuum", [](Health& h) { h.vacuums = 1; }},
      {"dead-tuples", [](Health& h) { h.dead = 600'000; }},
      {"active-sessions", [](Health& h) { h.active = 5; }},
      {"lock-wait", [](Health& h) { h.lock_waits = 1; }},
      {"transaction", [](Health& h) {
         h.oldest = absl::Minutes(2);
         h.oldest_who = "report";
       }}};
  for (const auto& [name, make_bad] : kCases) {
    Health health = Good();
    make_bad(health);
    EXPECT_EQ(Closed(health), name);
    Settings without;
    without.ignore = {name};
    EXPECT_EQ(Closed(health, without), "") << name << " was told to be ignored";
  }
}

TEST(Throttle, WhatCannotBeReadIsClosed) {
  const std::pair<const char*, std::function<void(Health&)>> kCases[] = {
      {"replica", [](Health& h) { h.hidden_replicas = 1; }},
      {"replica", [](Health& h) { h.replicas = 1; }},
      {"archive", [](Health& h) { h.archive_failing.reset(); }},
      {"autovacuum", [](Health& h) { h.vacuums.reset(); }},
      {"dead-tuples", [](Health& h) { h.dead.reset(); }},
      {"active-sessions", [](Health& h) { h.active.reset(); }},
      {"lock-wait", [](Health& h) { h.lock_waits.reset(); }},
      {"transaction", [](Health& h) { h.hidden_sessions = 1; }}};
  for (const auto& [name, hide] : kCases) {
    Health health = Good();
    hide(health);
    EXPECT_EQ(Closed(health), name);
  }
  Health unseen = Good();
  unseen.wal.reset();
  Settings limited;
  limited.max_wal_rate = 1;
  EXPECT_EQ(Closed(unseen, limited), "wal-rate");
}

TEST(Throttle, TheLagOfAReplicaWhoseReplayStandsStillGrows) {
  LagTracker lag;
  Health health = Good();
  health.replicas = 1;
  for (int i = 0; i <= 10; ++i) {
    health.wal = (1000 + i) * kMebibyte;
    health.replayed = 1000 * kMebibyte;
    health.at += absl::Milliseconds(500);
    lag.Look(health);
  }
  EXPECT_EQ(lag.lag(), absl::Milliseconds(4500));
  EXPECT_EQ(Judge({}, health, lag, 2)->throttle, "replica");
  health.replayed = 1009 * kMebibyte;
  health.at += absl::Milliseconds(500);
  lag.Look(health);
  EXPECT_EQ(lag.lag(), absl::Milliseconds(500));
  EXPECT_FALSE(Judge({}, health, lag, 2).has_value());
  health.replicas = 0;
  lag.Look(health);
  EXPECT_EQ(lag.lag(), absl::ZeroDuration());
}

TEST(Throttle, TheRateOfWalIsThatOfTheLastSeconds) {
  LagTracker lag;
  Settings settings;
  settings.max_wal_rate = 10 * kMebibyte;
  Health health = Good();
  for (int i = 0; i < 4; ++i) {
    health.wal = *health.wal + 20 * kMebibyte;
    health.at += absl::Seconds(1);
    lag.Look(health);
  }
  EXPECT_NEAR(lag.wal_rate(), 20.0 * kMebibyte, 1);
  EXPECT_EQ(Judge(settings, health, lag, 2)->throttle, "wal-rate");
  for (int i = 0; i < 8; ++i) {
    health.at += absl::Seconds(1);
    lag.Look(health);
  }
  EXPECT_FALSE(Judge(settings, health, lag, 2).has_value());
}

TEST(Throttle, AWindowMayReachOverMidnight) {
  Settings settings;
  settings.window = "22:00-06:00";
  EXPECT_EQ(Closed(Good(absl::Hours(12)), settings), "window");
  EXPECT_EQ(Closed(Good(absl::Hours(23)), settings), "");
  EXPECT_EQ(Closed(Good(absl::Hours(5)), settings), "");
  EXPECT_EQ(Closed(Good(absl::Hours(6)), settings), "window");
  settings.window = "09:30-10:00";
  EXPECT_EQ(Closed(Good(absl::Minutes(9 * 60 + 29)), settings), "window");
  EXPECT_EQ(Closed(Good(absl::Minutes(9 * 60 + 30)), settings), "");
}

TEST(Settings, AreLaidOverTheFile) {
  chain::Backfill file;
  file.batch = 500;
  file.rate = 100;
  file.window = "22:00-06:00";
  const auto settings =
      SettingsOf(file, R"({"rate": 7, "window": "", "max_lag_ms": 10, "max_dead_percent": 50,
                "ignore": ["replica"]})");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->first_batch, 500);
  EXPECT_EQ(settings->rate, 7);
  EXPECT_EQ(settings->window, "");
  EXPECT_EQ(settings->max_lag, absl::Milliseconds(10));
  EXPECT_EQ(settings->max_dead, 0.5);
  EXPECT_TRUE(settings->ignore.contains("replica"));
}

TEST(Settings, WhatIsNoneIsRefused) {
  for (const char* bad :
       {R"({"speed": 1})", R"({"rate": -1})", R"({"rate": "fast"})", "[]", "x", R"({"batch": 0})",
        R"({"window": "late"})", R"({"ignore": ["sense"]})", R"({"ignore": "replica"})"}) {
    const auto settings = SettingsOf({}, bad);
    ASSERT_FALSE(settings.ok()) << bad;
    EXPECT_EQ(base::ReasonOf(settings.status()), "INVALID_FIELD") << bad;
  }
}

}  // namespace
}  // namespace lockstep::backfill
