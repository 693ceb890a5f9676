// What `lockstep wait` waits for, and whether a state of the cluster is it. Pure functions.
#ifndef LOCKSTEP_CTL_WAIT_FOR_H_
#define LOCKSTEP_CTL_WAIT_FOR_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/status.pb.h"

namespace lockstep::ctl {

struct WaitTarget {
  enum class Kind { kVersion, kGate, kOperation };
  Kind kind = Kind::kVersion;
  int32_t version = 0;
  std::string name;  // The service or the operation.
};

// Parses "version=16", "gate=platform-core", "operation=op-7f3a"; INVALID_ARGUMENT (USAGE).
absl::StatusOr<WaitTarget> ParseWaitTarget(absl::string_view text);

struct WaitVerdict {
  enum class Kind { kReached, kNotYet, kRefused };
  Kind kind = Kind::kNotYet;
  std::string text;  // What is reached, why not yet, or why never; not sanitized.
  std::string hint;  // With kRefused.
};

// A version is reached once it is applied. A gate is reached once the service has an instance and
// none of those that stay may not serve; it is refused as soon as one of them is.
WaitVerdict CheckVersion(const v1::ClusterStatus& status, int32_t version);
WaitVerdict CheckServiceGate(const v1::ClusterStatus& status, const std::string& service);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_WAIT_FOR_H_
