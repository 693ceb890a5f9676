#include "ctl/wait_for.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/instance_view.h"
#include "ctl/output.h"
#include "ctl/status_view.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {
namespace {

// What holds up the version, from the state of the upgrade.
std::string WhyNotApplied(const v1::ClusterStatus& status, int32_t version) {
  if (version > status.chain().head()) {
    return absl::StrCat("version ", version, " is not published, the head is ",
                        status.chain().head());
  }
  // Without the times in it: a line for each second would say nothing new.
  if (status.has_operation()) {
    const v1::Operation& operation = status.operation();
    if (operation.has_running()) {
      return absl::StrCat("running ", operation.running().version(), " ",
                          operation.running().title());
    }
    return ProgressLine(operation, absl::ZeroDuration());
  }
  if (status.has_last_operation()) {
    const absl::Status outcome = OutcomeOf(status.last_operation(), std::nullopt);
    if (!outcome.ok()) return std::string(outcome.message());
  }
  return "no upgrade runs; `lockstep upgrade` starts one";
}

}  // namespace

absl::StatusOr<WaitTarget> ParseWaitTarget(absl::string_view text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  WaitTarget target{.name = parts.second};
  const bool given = !parts.second.empty();
  if (parts.first == "version" && absl::SimpleAtoi(parts.second, &target.version) &&
      target.version >= 0 && target.version <= chain::kMaxVersion) {
    target.kind = WaitTarget::Kind::kVersion;
    return target;
  }
  if (parts.first == "gate" && given) {
    target.kind = WaitTarget::Kind::kGate;
    return target;
  }
  if (parts.first == "operation" && given) {
    target.kind = WaitTarget::Kind::kOperation;
    return target;
  }
  return UsageError(
      absl::StrCat("--for takes version=N, gate=SERVICE or operation=ID, not \"", text, "\""));
}

WaitVerdict CheckVersion(const v1::ClusterStatus& status, int32_t version) {
  const int32_t applied = status.chain().applied();
  if (applied >= version) {
    return {WaitVerdict::Kind::kReached, absl::StrCat("applied ", applied), ""};
  }
  return {WaitVerdict::Kind::kNotYet,
          absl::StrCat("waiting for version ", version, ": applied ", applied, ", ",
                       WhyNotApplied(status, version)),
          ""};
}

WaitVerdict CheckServiceGate(const v1::ClusterStatus& status, const std::string& name) {
  const v1::ServiceStatus* service = FindService(status, name);
  int waiting = 0;
  int staying = 0;
  const v1::InstanceStatus* blocker = nullptr;
  if (service != nullptr) {
    for (const v1::InstanceStatus& instance : service->instances()) {
      if (instance.state() == "draining") continue;
      ++staying;
      if (HealthOf(instance) == Health::kRefused) {
        return {WaitVerdict::Kind::kRefused,
                absl::StrCat("the gate refuses ", name, "@", instance.build(), " ",
                             instance.instance(), ": ", GateNote(instance)),
                instance.gate().hint()};
      }
      // A reservation is not an instance yet.
      if (HealthOf(instance) != Health::kStarting &&
          instance.gate().state() == v1::GATE_STATE_OPEN) {
        continue;
      }
      ++waiting;
      if (blocker == nullptr) blocker = &instance;
    }
  }
  if (staying == 0) {
    return {WaitVerdict::Kind::kNotYet, absl::StrCat("no instance of ", name, " is registered"),
            ""};
  }
  if (waiting == 0) {
    return {WaitVerdict::Kind::kReached,
            absl::StrCat("the gate of ", name, " is open (", Count(staying, "instance"), ")"), ""};
  }
  return {WaitVerdict::Kind::kNotYet,
          absl::StrCat(waiting, " of ", staying, " wait: ", blocker->instance(), ": ",
                       GateNote(*blocker)),
          ""};
}

}  // namespace lockstep::ctl
