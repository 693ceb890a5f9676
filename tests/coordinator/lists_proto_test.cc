#include <gtest/gtest.h>

#include "coordinator/wire/lists.h"

namespace lockstep::coordinator {
namespace {

TEST(ListsToProto, ALeaseSaysWhatBecameOfIt) {
  AttemptRow attempt{.lease_epoch = 7,
                     .operation = "op-1",
                     .session = "s",
                     .holder = "shop@one",
                     .first = 2,
                     .last = 5,
                     .started_at = absl::FromUnixSeconds(100),
                     .ended_at = absl::FromUnixSeconds(130),
                     .outcome = "not started",
                     .committed = 3,
                     .error = RunError{.reason = "SQL_ERROR", .message = "m"}};
  const v1::Lease ended = ToProto(attempt);
  EXPECT_EQ(ended.state(), v1::LEASE_STATE_NOT_STARTED);
  EXPECT_EQ(ended.holder(), "shop@one");
  EXPECT_EQ(ended.last(), 5);
  EXPECT_EQ(ended.committed(), 3);
  EXPECT_EQ(ended.ended_at().seconds() - ended.granted_at().seconds(), 30);
  EXPECT_FALSE(ended.has_expires_at());
  EXPECT_EQ(ended.error().reason(), "SQL_ERROR");
  attempt.held = true;
  attempt.outcome = "";
  EXPECT_EQ(ToProto(attempt).state(), v1::LEASE_STATE_HELD);
  attempt.held = false;
  EXPECT_EQ(ToProto(attempt).state(), v1::LEASE_STATE_UNSPECIFIED);
}

// Whoever reads leases must not be able to apply: neither message has room for the secret.
TEST(ListsToProto, NoListHasAFieldForTheSecretOfALease) {
  for (const auto* message : {v1::Lease::descriptor(), v1::Event::descriptor(),
                              v1::InstanceStatus::descriptor(), v1::RunError::descriptor()}) {
    EXPECT_EQ(message->FindFieldByName("lease_id"), nullptr) << message->full_name();
    EXPECT_EQ(message->FindFieldByName("token"), nullptr) << message->full_name();
  }
}

TEST(ListsToProto, AnEventKeepsItsDetailAndLosesOnlyOneThatIsNone) {
  EventRow row{.sequence = 9,
               .at = absl::FromUnixSeconds(100),
               .kind = "run_granted",
               .version = 2,
               .operation = "op-1",
               .detail = R"({"to": "shop@one", "last": 3, "deep": {"a": [1, null]}})"};
  const v1::Event event = ToProto(row);
  EXPECT_EQ(event.sequence(), 9);
  EXPECT_EQ(event.detail().fields().at("to").string_value(), "shop@one");
  EXPECT_EQ(event.detail().fields().at("last").number_value(), 3);
  row.detail = "not json";
  EXPECT_EQ(ToProto(row).detail().fields_size(), 0);
  EXPECT_EQ(ToProto(row).kind(), "run_granted");
}

TEST(ListsToProto, AnInstanceNamesItsService) {
  InstanceState state;
  state.session.declaration.service = "shop";
  state.session.declaration.instance = "one";
  EXPECT_EQ(ToProto(state, absl::Seconds(20)).service(), "shop");
  EXPECT_FALSE(ToProto(state, absl::Seconds(20)).has_last_seen());
}

}  // namespace
}  // namespace lockstep::coordinator
