// What the chain's tests expect of an error: its reason, where it is, and words of its message.
#ifndef LOCKSTEP_TESTS_CHAIN_EXPECT_ERROR_H_
#define LOCKSTEP_TESTS_CHAIN_EXPECT_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"

namespace lockstep::chain {

// `words` is a part of the message, which begins with "FILE:LINE:COLUMN: " for errors with a place.
inline void ExpectError(const absl::Status& status, absl::string_view reason,
                        absl::string_view words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(base::ReasonOf(status), std::string(reason)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), words)) << status << "\nlacks " << words;
}

}  // namespace lockstep::chain

#endif  // LOCKSTEP_TESTS_CHAIN_EXPECT_ERROR_H_
