// GoogleTest matchers for absl::Status and absl::StatusOr; the distribution's Abseil has none.
//
//   EXPECT_THAT(store.Renew(token), IsOk());
//   EXPECT_THAT(store.Get(7), IsOkAndHolds(Field(&Run::version, 7)));
//   EXPECT_THAT(store.Renew(old), StatusIs(absl::StatusCode::kFailedPrecondition, "FENCED"));
#ifndef LOCKSTEP_TESTS_SUPPORT_MATCHERS_H_
#define LOCKSTEP_TESTS_SUPPORT_MATCHERS_H_

#include <gmock/gmock.h>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/base/error_info.h"

namespace lockstep::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// The status in full, with reason and metadata.
inline std::string Describe(const absl::Status& status) {
  std::string text = status.ToString(absl::StatusToStringMode::kWithNoExtraData);
  const auto info = base::GetErrorInfo(status);
  if (!info.has_value()) return text;
  text += " [" + info->reason;
  for (const auto& [key, value] : info->metadata) text += ", " + key + "=" + value;
  return text + "]";
}

MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << "which is " << Describe(StatusOf(arg));
  return StatusOf(arg).ok();
}

// A StatusOr that is OK and whose value is matched by (or equal to) `inner`.
MATCHER_P(IsOkAndHolds, inner, "is OK and holds a matching value") {
  if (!arg.ok()) {
    *result_listener << "which is " << Describe(arg.status());
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

// An error with this code.
MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << "which is " << Describe(StatusOf(arg));
  return StatusOf(arg).code() == code;
}

// An error with this code whose reason is matched by (or equal to) `reason`.
MATCHER_P2(StatusIs, code, reason, "has code " + absl::StatusCodeToString(code) + " and reason") {
  *result_listener << "which is " << Describe(StatusOf(arg));
  return StatusOf(arg).code() == code &&
         ::testing::Value(base::ReasonOf(StatusOf(arg)),
                          ::testing::SafeMatcherCast<std::string>(reason));
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_MATCHERS_H_
