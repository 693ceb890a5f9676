#include "coordinator/wire/contract_to_proto.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "coordinator/wire/from_proto.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

using convert::ToProto;

namespace {

constexpr size_t kMaxClients = 100;
constexpr absl::Duration kMinDuration = absl::Seconds(1);

v1::ContractPhase PhaseOf(ContractPhase phase) {
  switch (phase) {
    case ContractPhase::kBarrier:
      return v1::CONTRACT_PHASE_BARRIER;
    case ContractPhase::kDraining:
      return v1::CONTRACT_PHASE_DRAINING;
    case ContractPhase::kEvidence:
      return v1::CONTRACT_PHASE_EVIDENCE;
    case ContractPhase::kSoaking:
      return v1::CONTRACT_PHASE_SOAKING;
    case ContractPhase::kReady:
      return v1::CONTRACT_PHASE_READY;
  }
  return v1::CONTRACT_PHASE_UNSPECIFIED;
}

v1::ConcernedGroup GroupOf(const ConcernedGroup& group) {
  v1::ConcernedGroup proto;
  proto.set_service(group.service);
  proto.set_build(group.build);
  proto.set_adapted_to(group.adapted_to);
  proto.set_live(group.live);
  proto.set_draining(group.draining);
  proto.set_suspect(group.suspect);
  proto.set_starting(group.starting);
  proto.set_pins(group.pins);
  proto.set_gone(group.gone);
  if (group.oldest.has_value()) *proto.mutable_oldest() = ToProto(*group.oldest);
  proto.set_connected(group.connected);
  if (group.last_seen.has_value()) *proto.mutable_last_seen() = ToProto(*group.last_seen);
  return proto;
}

v1::UnknownClient ClientOf(const ClientGroup& client) {
  v1::UnknownClient proto;
  proto.set_leftover(client.leftover);
  proto.set_role(client.role);
  proto.set_application_name(client.application_name);
  proto.set_address(client.address);
  proto.set_connections(client.connections);
  proto.set_locks(client.locks);
  proto.set_pid(client.pid);
  proto.set_state(client.state);
  if (client.oldest.has_value()) *proto.mutable_oldest() = ToProto(*client.oldest);
  proto.set_query(client.query);
  return proto;
}

// 1 s and more, as the command line says it.
absl::StatusOr<absl::Duration> ReadDuration(const char* field,
                                            const google::protobuf::Duration& proto) {
  const absl::Duration duration = convert::FromProto(proto);
  if (duration < kMinDuration || duration > kMaxContractDeadline) {
    return InvalidField(field, "must be 1 s to 90 days");
  }
  return duration;
}

}  // namespace

v1::ContractState ToProto(const ContractState& state) {
  const ContractFacts& facts = state.facts;
  v1::ContractState proto;
  proto.set_version(facts.version);
  proto.set_title(facts.title);
  for (const std::string& name : ShortNames(facts.touches.value_or(std::vector<std::string>()))) {
    proto.add_touches(name);
  }
  proto.set_not_next(facts.not_next);
  if (facts.barrier.has_value()) {
    proto.set_barrier(facts.barrier->version);
    proto.set_barrier_owner(facts.barrier->owner);
    if (facts.barrier->deadline.has_value()) {
      *proto.mutable_barrier_deadline() = ToProto(*facts.barrier->deadline);
    }
  }
  proto.set_concerned(static_cast<int32_t>(facts.concerned));
  proto.set_counting(static_cast<int32_t>(facts.counting));
  for (const ConcernedGroup& group : facts.groups) *proto.add_groups() = GroupOf(group);
  for (const ClientGroup& client : facts.clients) {
    if (static_cast<size_t>(proto.clients_size()) == kMaxClients) break;
    *proto.add_clients() = ClientOf(client);
  }
  if (!state.operation.has_value()) return proto;
  const OperationRow& operation = *state.operation;
  proto.set_operation_id(operation.operation_id);
  proto.set_phase(PhaseOf(state.step.phase));
  proto.set_when_drained(operation.when_drained);
  if (operation.deadline.has_value()) *proto.mutable_deadline() = ToProto(*operation.deadline);
  if (operation.soak > absl::ZeroDuration()) *proto.mutable_soak() = ToProto(operation.soak);
  if (operation.quiet_for.has_value()) *proto.mutable_quiet() = ToProto(*operation.quiet_for);
  proto.set_accept_unknown(operation.accept_unknown);
  return proto;
}

absl::StatusOr<ContractRequest> FromProto(const v1::StartContractRequest& proto) {
  if (proto.request_id().empty()) return InvalidField("request_id", "must not be empty");
  RETURN_IF_ERROR(CheckText("request_id", proto.request_id(), kMaxRequestId));
  RETURN_IF_ERROR(CheckText("actor", proto.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", proto.reason(), kMaxReason));
  RETURN_IF_ERROR(CheckText("accept_unknown", proto.accept_unknown(), kMaxReason));
  if (proto.version() < 1 || proto.version() > chain::kMaxVersion) {
    return InvalidField("version", "out of range");
  }
  ContractRequest request{.request_id = proto.request_id(),
                          .version = proto.version(),
                          .when_drained = proto.when_drained(),
                          .accept_unknown = proto.accept_unknown(),
                          .actor = proto.actor(),
                          .reason = proto.reason()};
  if (proto.has_soak()) {
    ASSIGN_OR_RETURN(request.soak, ReadDuration("soak", proto.soak()));
  }
  const bool waits = request.when_drained || request.soak > absl::ZeroDuration();
  if (proto.has_deadline() && !waits) {
    return InvalidField("deadline", "goes with when_drained or soak");
  }
  if (waits) request.deadline = kContractDeadline;
  if (proto.has_deadline()) {
    ASSIGN_OR_RETURN(request.deadline, ReadDuration("deadline", proto.deadline()));
  }
  if (waits && *request.deadline <= request.soak) {
    return InvalidField("deadline", "must be longer than soak");
  }
  if (proto.has_terminate_idle_blockers()) {
    ASSIGN_OR_RETURN(request.terminate_idle, TerminateIdleOf(proto.terminate_idle_blockers()));
  }
  return request;
}

}  // namespace lockstep::coordinator
