#include "coordinator/durations.h"

#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "engine/base/error_info.h"
#include "tests/support/matchers.h"

namespace lockstep::coordinator {
namespace {

using absl::Seconds;
using testing::IsOk;
using testing::StatusIs;

absl::Status CheckWith(const std::function<void(Durations&)>& change) {
  Durations durations;
  change(durations);
  return CheckDurations(durations);
}

TEST(DurationsTest, TheDefaultsFitTogether) { EXPECT_THAT(CheckDurations({}), IsOk()); }

TEST(DurationsTest, EachRelationIsChecked) {
  const std::vector<std::function<void(Durations&)>> changes = {
      [](Durations& d) { d.heartbeat = Seconds(0); },
      [](Durations& d) { d.heartbeat = -Seconds(1); },
      [](Durations& d) { d.heartbeat = Seconds(10); },
      [](Durations& d) { d.stop_after = d.session_ttl; },
      [](Durations& d) { d.admission_validity = d.session_ttl; },
      [](Durations& d) { d.leader_renew = Seconds(0); },
      [](Durations& d) { d.leader_renew = d.leader_depose; },
      [](Durations& d) { d.leader_depose = d.leader_ttl; },
      [](Durations& d) { d.stop_after = d.leader_ttl * 1.5 + d.reconnect_cap; },
      [](Durations& d) { d.leader_retry = d.leader_ttl; },
      [](Durations& d) { d.lease_row_renew = d.lease_ttl; },
      [](Durations& d) { d.retry_base = d.retry_cap + Seconds(1); },
      [](Durations& d) { d.lock_timeout = absl::ZeroDuration(); },
      [](Durations& d) { d.lease_ttl = d.heartbeat * 2; },
      [](Durations& d) { d.lease_reconnect = d.lease_ttl + Seconds(1); },
      [](Durations& d) { d.poll = Seconds(0); },
      [](Durations& d) { d.gate_memory = d.poll; },
      [](Durations& d) { d.gate_memory = d.session_ttl; },
      [](Durations& d) { d.heartbeat = absl::InfiniteDuration(); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_THAT(CheckWith(changes[i]),
                StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"))
        << "change " << i;
  }
}

TEST(DurationsTest, AnErrorNamesBothSidesWithTheirValuesAndTheFlags) {
  const absl::Status status = CheckWith([](Durations& d) {
    d.leader_ttl = Seconds(12);
    d.reconnect_cap = Seconds(4);
  });
  EXPECT_EQ(status.message(),
            "durations do not fit together: leader_ttl x 1.5 + reconnect_cap (22s) must be less "
            "than stop_after (20s)");
  const auto info = base::GetErrorInfo(status);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->hint, "lower --leader-ttl or raise --stop-after");
  EXPECT_EQ(info->metadata.at("value"), "22s");
  EXPECT_EQ(info->metadata.at("other_value"), "20s");
}

TEST(DurationsTest, EachDurationHasAName) {
  EXPECT_EQ(DurationFields().size(), sizeof(Durations) / sizeof(absl::Duration));
  std::set<std::string> names;
  for (const DurationField& field : DurationFields()) names.insert(field.name);
  EXPECT_EQ(names.size(), DurationFields().size());
}

TEST(DurationsTest, ScalingKeepsTheRelations) {
  for (double factor : {2.0, 10.0, 100.0}) {
    const Durations scaled = Scaled({}, factor);
    EXPECT_THAT(CheckDurations(scaled), IsOk());
    EXPECT_EQ(scaled.heartbeat, Durations{}.heartbeat / factor);
    EXPECT_EQ(scaled.retry_cap, Durations{}.retry_cap / factor);
    EXPECT_EQ(scaled.lock_timeout, Durations{}.lock_timeout);
    EXPECT_EQ(LadderOf(scaled).budget, LockLadder{}.budget / factor);
  }
}

}  // namespace
}  // namespace lockstep::coordinator
