#include "engine/chain/service_file_edit.h"

#include <gtest/gtest.h>

#include "engine/chain/service_file.h"
#include "tests/support/matchers.h"

namespace lockstep::chain {
namespace {

using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(WithAdaptedTo, ReplacesTheNumberAndNothingElse) {
  EXPECT_THAT(
      WithAdaptedTo(
          "f",
          "# who: ann\nservice: shop  # ours\nadapted_to:  3   # reviewed\n\nuses:\n  - users\n",
          12),
      IsOkAndHolds(
          "# who: ann\nservice: shop  # ours\nadapted_to:  12   # reviewed\n\nuses:\n  - users\n"));
  EXPECT_THAT(WithAdaptedTo("f", "adapted_to : 9\nservice: shop", 10),
              IsOkAndHolds("adapted_to : 10\nservice: shop"));
  EXPECT_THAT(WithAdaptedTo("f", "service: shop\r\nadapted_to: 1\r\n", 2),
              IsOkAndHolds("service: shop\r\nadapted_to: 2\r\n"));
}

TEST(WithAdaptedTo, AddsALineWhereThereIsNone) {
  EXPECT_THAT(WithAdaptedTo("f", "service: shop", 2), IsOkAndHolds("service: shop\nadapted_to: 2"));
  EXPECT_THAT(
      WithAdaptedTo("f", "service: shop # adapted_to: 1\nneeds: 4\n# tail\nuses: []\n", 2),
      IsOkAndHolds("service: shop # adapted_to: 1\nneeds: 4\nadapted_to: 2\n# tail\nuses: []\n"));
  EXPECT_THAT(WithAdaptedTo("f", "service: shop\r\nneeds: 4\r\n", 2),
              IsOkAndHolds("service: shop\r\nneeds: 4\r\nadapted_to: 2\r\n"));
}

TEST(WithAdaptedTo, LeavesAFileThatSaysItAsItIs) {
  EXPECT_THAT(WithAdaptedTo("f", "service: shop\nadapted_to: 2\n", 2),
              IsOkAndHolds("service: shop\nadapted_to: 2\n"));
}

TEST(WithAdaptedTo, RefusesToLower) {
  EXPECT_THAT(WithAdaptedTo("f", "service: shop\nadapted_to: 5\n", 4),
              StatusIs(absl::StatusCode::kFailedPrecondition, "ADAPTED_ALREADY"));
}

TEST(WithAdaptedTo, SaysWhenAPersonHasToDoIt) {
  for (const char* text : {"{service: shop, adapted_to: 1}", "{service: shop}",
                           "\"adapted_to\": 1\nservice: shop\n", "service:\n  shop\n"}) {
    EXPECT_THAT(WithAdaptedTo("f", text, 4),
                StatusIs(absl::StatusCode::kFailedPrecondition, "EDIT_BY_HAND"))
        << text;
  }
  EXPECT_THAT(WithAdaptedTo("f", "nothing: 1", 4),
              StatusIs(absl::StatusCode::kInvalidArgument, "BAD_SERVICE_FILE"));
}

}  // namespace
}  // namespace lockstep::chain
