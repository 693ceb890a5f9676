// Plans, findings and locks as messages.
#ifndef LOCKSTEP_COORDINATOR_WIRE_REVIEW_TO_PROTO_H_
#define LOCKSTEP_COORDINATOR_WIRE_REVIEW_TO_PROTO_H_

#include <span>

#include "google/protobuf/repeated_ptr_field.h"
#include "lockstep/v1/lint.pb.h"
#include "lockstep/v1/release.pb.h"

#include "coordinator/operation/operations.h"
#include "engine/chain/analysis.h"

namespace lockstep::coordinator {

// SQL that a plan carries at most; statements beyond are left out, with what they lock.
inline constexpr int64_t kMaxPlanBytes = 8 << 20;

v1::PlanUpgradeResponse ToProto(const PlannedUpgrade& planned);

// With the findings unless the mode is off.
v1::PublishChainResponse ToProto(const PublishResult& result, v1::LintMode mode);

// Appends the findings of `migrations`, by version and place.
void AddFindings(std::span<const chain::ReviewedMigration> migrations,
                 google::protobuf::RepeatedPtrField<v1::Finding>* findings);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_REVIEW_TO_PROTO_H_
