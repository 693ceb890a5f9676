// What the safety analysis found, as it came over the wire.
#ifndef LOCKSTEP_CTL_FINDINGS_VIEW_H_
#define LOCKSTEP_CTL_FINDINGS_VIEW_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "lockstep/v1/lint.pb.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/arguments.h"
#include "ctl/console.h"
#include "ctl/style.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

using Findings = google::protobuf::RepeatedPtrField<v1::Finding>;

// Findings that are told one by one; the rest is counted.
inline constexpr int kMaxToldFindings = 50;

// The level of --lint; LINT_MODE_UNSPECIFIED without the flag. A usage error for another word.
absl::StatusOr<v1::LintMode> LintModeOf(const Arguments& arguments);

// Adds what lint finds in the backfills that were added, as `local` has them. The coordinator
// judges migrations alone, so nothing of it blocks.
void AddBackfillFindings(const chain::Chain& local, v1::PublishChainResponse* response);

// Tells warnings and errors on the console, one a line: "warning: FILE:3:1: MESSAGE [rule]".
void SayFindings(Console& console, const Findings& findings);

// The findings and the locks of a plan as tables; "" when there are none. Locks that nobody waits
// for are left out.
std::string FindingsTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width);
std::string LocksTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width);

// FAILED_PRECONDITION (LINT_FAILED), with each finding as a blocker, when `mode` is error and
// something that would run has a finding that blocks.
absl::Status CheckFindings(const v1::PlanUpgradeResponse& plan, v1::LintMode mode);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FINDINGS_VIEW_H_
