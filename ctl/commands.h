// The handlers of the command table, one file cmd_NAME.cc each.
#ifndef LOCKSTEP_CTL_COMMANDS_H_
#define LOCKSTEP_CTL_COMMANDS_H_

#include "absl/status/statusor.h"

#include "ctl/arguments.h"
#include "ctl/context.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunInit(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunNew(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunSetup(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunDoctor(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunCompletion(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunContextList(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunContextUse(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunContextAdd(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunContextRemove(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunSum(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunCheck(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunAttest(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunLint(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunPublish(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunPlan(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunUpgrade(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunContract(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBlockers(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunCanDeploy(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOverrideContract(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunPins(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunPinsAdd(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunPinsRetire(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunAuditList(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunAuditVerify(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunStatus(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunHistory(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunWait(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsList(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsGet(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsCancel(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsWatch(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsPause(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsResume(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunOperationsRetry(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillList(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillGet(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillStart(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillPause(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillResume(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillRate(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunBackfillCancel(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunDev(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunInstances(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunInstancesGet(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunInstancesEvict(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunLeases(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunEvents(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunChainExport(Context& context, const Arguments& arguments);
absl::StatusOr<int> RunVersion(Context& context, const Arguments& arguments);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_COMMANDS_H_
