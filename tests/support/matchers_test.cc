#include "tests/support/matchers.h"

#include <gtest/gtest.h>
#include <memory>

namespace lockstep::testing {
namespace {

using ::testing::Not;
using ::testing::Pointee;
using ::testing::StartsWith;

absl::Status Fenced() {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "FENCED", "taken over",
                         {{"version", "7"}});
}

TEST(Matchers, IsOkTakesStatusAndStatusOr) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::StatusOr<int>(1), IsOk());
  EXPECT_THAT(Fenced(), Not(IsOk()));
  EXPECT_THAT(absl::StatusOr<int>(Fenced()), Not(IsOk()));
}

TEST(Matchers, IsOkAndHoldsLooksAtTheValueOnly) {
  EXPECT_THAT(absl::StatusOr<std::string>("abc"), IsOkAndHolds(StartsWith("a")));
  EXPECT_THAT(absl::StatusOr<int>(2), IsOkAndHolds(2));
  EXPECT_THAT(absl::StatusOr<int>(2), Not(IsOkAndHolds(3)));
  EXPECT_THAT(absl::StatusOr<int>(Fenced()), Not(IsOkAndHolds(2)));
  EXPECT_THAT(absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(4)),
              IsOkAndHolds(Pointee(4)));
}

TEST(Matchers, StatusIsComparesCodeAndReason) {
  EXPECT_THAT(Fenced(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Fenced(), StatusIs(absl::StatusCode::kFailedPrecondition, "FENCED"));
  EXPECT_THAT(Fenced(), StatusIs(absl::StatusCode::kFailedPrecondition, StartsWith("FEN")));
  EXPECT_THAT(Fenced(), Not(StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT")));
  EXPECT_THAT(Fenced(), Not(StatusIs(absl::StatusCode::kAborted, "FENCED")));
  EXPECT_THAT(absl::StatusOr<int>(Fenced()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(Matchers, DescribeShowsReasonAndMetadata) {
  EXPECT_EQ(Describe(Fenced()), "FAILED_PRECONDITION: taken over [FENCED, version=7]");
}

}  // namespace
}  // namespace lockstep::testing
