#include "coordinator/durations.h"

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

absl::Status Require(bool holds, absl::string_view relation) {
  if (holds) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                         absl::StrCat("durations do not fit together: ", relation),
                         {{"field", std::string(relation)}}, "correct the configured durations");
}

}  // namespace

absl::Status CheckDurations(const Durations& d) {
  RETURN_IF_ERROR(Require(d.heartbeat > absl::ZeroDuration(), "heartbeat must be positive"));
  RETURN_IF_ERROR(Require(d.leader_renew > absl::ZeroDuration(), "leader_renew must be positive"));
  RETURN_IF_ERROR(Require(d.poll > absl::ZeroDuration(), "poll must be positive"));
  RETURN_IF_ERROR(Require(d.heartbeat * 2 < d.stop_after, "heartbeat x 2 < stop_after"));
  RETURN_IF_ERROR(Require(d.stop_after < d.session_ttl, "stop_after < session_ttl"));
  RETURN_IF_ERROR(
      Require(d.admission_validity < d.session_ttl, "admission_validity < session_ttl"));
  RETURN_IF_ERROR(Require(d.poll < d.gate_memory && d.gate_memory < d.session_ttl,
                          "poll < gate_memory < session_ttl"));
  RETURN_IF_ERROR(Require(d.leader_renew < d.leader_depose, "leader_renew < leader_depose"));
  RETURN_IF_ERROR(Require(d.leader_depose < d.leader_ttl, "leader_depose < leader_ttl"));
  RETURN_IF_ERROR(Require(d.leader_ttl * 1.5 < d.stop_after, "leader_ttl x 1.5 < stop_after"));
  RETURN_IF_ERROR(Require(d.heartbeat * 2 < d.lease_ttl, "heartbeat x 2 < lease_ttl"));
  return Require(d.lease_reconnect <= d.lease_ttl, "lease_reconnect <= lease_ttl");
}

Durations Scaled(const Durations& durations, double factor) {
  Durations d = durations;
  for (absl::Duration* each :
       {&d.heartbeat, &d.stop_after, &d.session_ttl, &d.admission_validity, &d.waiting_grace,
        &d.leader_ttl, &d.leader_renew, &d.leader_depose, &d.leader_retry, &d.lease_ttl,
        &d.lease_reconnect, &d.revoke_wait, &d.revoke_patience, &d.take_back_wait, &d.poll,
        &d.gate_memory, &d.retry_base, &d.retry_cap}) {
    *each /= factor;
  }
  return d;
}

}  // namespace lockstep::coordinator
