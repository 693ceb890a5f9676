#include "engine/base/status_macros.h"

#include <gtest/gtest.h>
#include <memory>

#include "tests/support/matchers.h"

namespace lockstep::base {
namespace {

using testing::IsOkAndHolds;
using testing::StatusIs;

absl::StatusOr<int> Twice(absl::StatusOr<int> input, int* evaluations) {
  const auto once = [&] {
    ++*evaluations;
    return input;
  };
  ASSIGN_OR_RETURN(const int value, once());
  RETURN_IF_ERROR(value < 0 ? absl::OutOfRangeError("negative") : absl::OkStatus());
  return 2 * value;
}

TEST(StatusMacros, PassValuesOnAndErrorsUp) {
  int evaluations = 0;
  EXPECT_THAT(Twice(4, &evaluations), IsOkAndHolds(8));
  EXPECT_EQ(evaluations, 1);
  EXPECT_THAT(Twice(-1, &evaluations), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(Twice(absl::AbortedError("x"), &evaluations), StatusIs(absl::StatusCode::kAborted));
}

absl::StatusOr<std::unique_ptr<int>> PassOn(absl::StatusOr<std::unique_ptr<int>> input) {
  ASSIGN_OR_RETURN(std::unique_ptr<int> value, std::move(input));
  return value;
}

TEST(StatusMacros, MoveWhatCannotBeCopied) {
  EXPECT_THAT(PassOn(std::make_unique<int>(5)), IsOkAndHolds(::testing::Pointee(5)));
}

TEST(StatusMacrosDeathTest, CheckNamesTheCondition) {
  EXPECT_DEATH(LOCKSTEP_CHECK(1 + 1 == 3), "status_macros_test.cc:[0-9]+: check failed: 1 \\+ 1");
}

}  // namespace
}  // namespace lockstep::base
