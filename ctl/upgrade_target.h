// Who carries an upgrade out: a coordinator, or with --direct this process itself. `upgrade` and
// `contract` plan, ask, start and report the same way over both.
#ifndef LOCKSTEP_CTL_UPGRADE_TARGET_H_
#define LOCKSTEP_CTL_UPGRADE_TARGET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/context.h"

namespace lockstep::ctl {

class UpgradeTarget {
 public:
  virtual ~UpgradeTarget() = default;
  virtual absl::StatusOr<v1::PlanUpgradeResponse> Plan(const v1::PlanUpgradeRequest& request) = 0;
  // Starts the operation, or finds the one that the same request started before.
  virtual absl::StatusOr<v1::Operation> Start(const v1::StartUpgradeRequest& request) = 0;
  // Shows progress until the operation has ended; returns it, however it ended.
  virtual absl::StatusOr<v1::Operation> Follow(const std::string& operation_id) = 0;
  // Whether it goes on when this process ends.
  virtual bool detachable() const = 0;
};

// The coordinator that `context.client` finds.
class RemoteUpgrade : public UpgradeTarget {
 public:
  // `context` must outlive it.
  explicit RemoteUpgrade(Context& context) : context_(context) {}

  absl::StatusOr<v1::PlanUpgradeResponse> Plan(const v1::PlanUpgradeRequest& request) override;
  absl::StatusOr<v1::Operation> Start(const v1::StartUpgradeRequest& request) override;
  absl::StatusOr<v1::Operation> Follow(const std::string& operation_id) override;
  bool detachable() const override { return true; }

 private:
  Context& context_;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_UPGRADE_TARGET_H_
