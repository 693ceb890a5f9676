#include "engine/base/error_info.h"

#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace lockstep::base {
namespace {

using testing::IsOk;
using testing::StatusIs;

ErrorInfo Full() {
  return {.reason = "BLOCKED",
          .metadata = {{"version", "13"}, {"count", "2"}},
          .hint = "deploy a platform-core that is adapted to 13",
          .blockers = {{"session", "platform-core@8d02b17", "adapted to 12"}, {"pin", "x", ""}}};
}

TEST(ErrorInfo, ComesBackAsItWasAttached) {
  const absl::Status status =
      MakeError(absl::StatusCode::kFailedPrecondition, "contract 13 is blocked", Full());
  EXPECT_EQ(status.message(), "contract 13 is blocked");
  EXPECT_EQ(GetErrorInfo(status), Full());
  EXPECT_EQ(ReasonOf(status), "BLOCKED");
  EXPECT_EQ(MetadataOf(status, "version"), "13");
  EXPECT_EQ(MetadataOf(status, "no such key"), "");
}

TEST(ErrorInfo, IsAbsentWhereNoneWasAttached) {
  EXPECT_EQ(GetErrorInfo(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(GetErrorInfo(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
  EXPECT_EQ(MetadataOf(absl::OkStatus(), "k"), "");
}

TEST(ErrorInfo, SurvivesQuotesLineBreaksAndZeroBytes) {
  const std::string hostile("\"}]\n\\ \x01 é \0 end", 17);
  const absl::Status status =
      MakeError(absl::StatusCode::kInternal, "SQL_ERROR", "m", {{hostile, hostile}}, hostile);
  EXPECT_EQ(MetadataOf(status, hostile), hostile);
  EXPECT_EQ(GetErrorInfo(status)->hint, hostile);
}

TEST(ErrorInfo, ReplacesBytesThatAreNotUtf8) {
  const absl::Status status = MakeError(absl::StatusCode::kInternal, "SQL_ERROR", "m",
                                        {{"detail",
                                          "a\xff"
                                          "b"}});
  EXPECT_EQ(MetadataOf(status, "detail"),
            "a\xef\xbf\xbd"
            "b");
}

TEST(ErrorInfo, AnnotateKeepsCodeReasonAndMetadata) {
  const absl::Status status =
      Annotate(MakeError(absl::StatusCode::kFailedPrecondition, "contract 13 is blocked", Full()),
               "operation op-7f3a");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
  EXPECT_EQ(status.message(), "operation op-7f3a: contract 13 is blocked");
  EXPECT_EQ(GetErrorInfo(status), Full());
  EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk());
}

TEST(ErrorInfoDeathTest, AnErrorIsNeverOk) {
  EXPECT_DEATH(MakeError(absl::StatusCode::kOk, "REASON", "m").IgnoreError(), "check failed");
}

}  // namespace
}  // namespace lockstep::base
