#include "proto/convert/status.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

#include "engine/base/error_info.h"
#include "tests/support/matchers.h"

namespace lockstep::convert {
namespace {

using base::ErrorInfo;
using testing::IsOk;
using testing::StatusIs;

absl::Status RoundTrip(const absl::Status& status) { return FromGrpc(ToGrpc(status)); }

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(ConvertStatusTest, OkIsOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_THAT(FromGrpc(grpc::Status::OK), IsOk());
}

TEST(ConvertStatusTest, EverythingSurvivesTheRoundTrip) {
  const ErrorInfo info{
      .reason = "GATE_CLOSED",
      .metadata = {{"version", "13"}, {"empty", ""}, {"text", "Größe \"x\"\n"}},
      .hint = "lockstep blockers 13",
      .blockers = {{"session", "core@1", "adapted to 12"}, {"pin", "rollback", ""}}};
  const absl::Status status =
      base::MakeError(absl::StatusCode::kFailedPrecondition, "contract 13 waits", info);
  const absl::Status back = RoundTrip(status);
  EXPECT_EQ(back.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(back.message(), "contract 13 waits");
  EXPECT_EQ(base::GetErrorInfo(back), info);
}

TEST(ConvertStatusTest, EveryCodeSurvives) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status =
        base::MakeError(static_cast<absl::StatusCode>(code), "REASON", "message");
    EXPECT_THAT(RoundTrip(status), StatusIs(static_cast<absl::StatusCode>(code), "REASON"));
  }
}

TEST(ConvertStatusTest, AStatusWithoutAReasonKeepsCodeAndMessage) {
  const absl::Status back = RoundTrip(absl::InternalError("plain"));
  EXPECT_EQ(back.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(back.message(), "plain");
  EXPECT_EQ(base::ReasonOf(back), "");
}

TEST(ConvertStatusTest, AForeignClientFindsTheReasonInTheDomainOfLockstep) {
  const google::rpc::Status details =
      DetailsOf(ToGrpc(base::MakeError(absl::StatusCode::kAborted, "BUSY", "m")));
  EXPECT_EQ(details.code(), 10);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), kErrorDomain);
  EXPECT_EQ(info.reason(), "BUSY");
}

TEST(ConvertStatusTest, WhatMayBeTriedAgainSaysWhen) {
  const auto has_retry = [](absl::StatusCode code) {
    const google::rpc::Status details = DetailsOf(ToGrpc(base::MakeError(code, "R", "m")));
    for (const auto& any : details.details()) {
      if (any.Is<google::rpc::RetryInfo>()) return true;
    }
    return false;
  };
  EXPECT_TRUE(has_retry(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(has_retry(absl::StatusCode::kAborted));
  EXPECT_FALSE(has_retry(absl::StatusCode::kFailedPrecondition));
}

TEST(ConvertStatusTest, UnknownAndBrokenDetailsAreLeftOut) {
  google::rpc::Status details;
  details.add_details()->set_type_url("type.googleapis.com/unknown.Kind");
  google::protobuf::Any* const broken = details.add_details();
  broken->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  broken->set_value("\xff\xff\xff");
  google::rpc::ErrorInfo info;
  info.set_reason("REASON");
  details.add_details()->PackFrom(info);
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "message", details.SerializeAsString()));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, "REASON"));
  EXPECT_EQ(status.message(), "message");
}

TEST(ConvertStatusTest, DetailsThatAreNoProtobufAreLeftOut) {
  for (const std::string& garbage : {std::string("\xff\xff\xff\xff"), std::string(1000, 'x')}) {
    const absl::Status status =
        FromGrpc(grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no", garbage));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(status.message(), "no");
  }
}

TEST(ConvertStatusTest, TheTransportsOwnUnavailableHasAReason) {
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused")),
              StatusIs(absl::StatusCode::kUnavailable, "COORDINATOR_UNAVAILABLE"));
  EXPECT_THAT(RoundTrip(base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER", "m")),
              StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER"));
}

TEST(ConvertStatusTest, ACodeFromTheFutureIsAnErrorToo) {
  EXPECT_FALSE(FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(99), "m")).ok());
}

}  // namespace
}  // namespace lockstep::convert
