#include "coordinator/wire/lists.h"

#include "google/protobuf/util/json_util.h"

#include "coordinator/wire/to_proto.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

using convert::ToProto;

namespace {

v1::LeaseState StateOf(const AttemptRow& attempt) {
  if (attempt.held) return v1::LEASE_STATE_HELD;
  if (attempt.outcome == "succeeded") return v1::LEASE_STATE_SUCCEEDED;
  if (attempt.outcome == "failed") return v1::LEASE_STATE_FAILED;
  if (attempt.outcome == "not started") return v1::LEASE_STATE_NOT_STARTED;
  if (attempt.outcome == "unknown") return v1::LEASE_STATE_UNKNOWN;
  if (attempt.outcome == "revoked") return v1::LEASE_STATE_REVOKED;
  return v1::LEASE_STATE_UNSPECIFIED;
}

}  // namespace

v1::InstanceStatus ToProto(const InstanceState& state, absl::Duration validity) {
  const Declaration& d = state.session.declaration;
  v1::InstanceStatus proto;
  proto.set_service(d.service);
  proto.set_session_id(d.session_id);
  proto.set_instance(d.instance);
  proto.set_build(d.build);
  proto.set_built_for(d.built_for);
  proto.set_needs(state.session.verdict.needs);
  proto.set_adapted_to(d.adapted_to);
  proto.set_uses_declared(d.uses.has_value());
  if (d.uses.has_value()) {
    for (const std::string& use : *d.uses) proto.add_uses(use);
  }
  *proto.mutable_gate() = ToProto(state.session.verdict, validity);
  proto.set_state(state.session.state);
  proto.set_connected(state.connected);
  proto.set_can_migrate(d.can_migrate);
  proto.set_migrate_error(d.migrate_error);
  if (state.last_seen.has_value()) *proto.mutable_last_seen() = ToProto(*state.last_seen);
  proto.set_serving(state.serving);
  proto.set_via(state.session.via);
  *proto.mutable_registered_at() = ToProto(state.session.registered_at);
  if (state.session.reserved_until.has_value()) {
    *proto.mutable_reserved_until() = ToProto(*state.session.reserved_until);
  }
  if (state.session.state == "suspect" && state.session.silent_since.has_value()) {
    *proto.mutable_silent_since() = ToProto(*state.session.silent_since);
  }
  proto.set_why_counts(state.why_counts);
  if (const auto& attested = state.session.attestation; attested.has_value()) {
    proto.mutable_attestation()->set_actor(attested->actor);
    proto.mutable_attestation()->set_reason(attested->reason);
    *proto.mutable_attestation()->mutable_at() = ToProto(attested->at);
  }
  proto.set_database_connections(state.backends);
  if (state.concern.has_value()) *proto.mutable_concern() = ToProto(*state.concern);
  return proto;
}

v1::Concern ToProto(const Concern& concern) {
  v1::Concern proto;
  proto.set_contract(concern.contract);
  for (const std::string& overlap : concern.overlaps) proto.add_overlaps(overlap);
  proto.set_why(concern.why);
  return proto;
}

v1::Pin ToProto(const PinRow& pin) {
  const Declaration& d = pin.declaration;
  v1::Pin proto;
  proto.set_pin_id(pin.pin_id);
  proto.set_service(d.service);
  proto.set_build(d.build);
  proto.set_built_for(d.built_for);
  proto.set_needs(d.needs.value_or(0));
  proto.set_adapted_to(d.adapted_to);
  proto.set_uses_declared(d.uses.has_value());
  if (d.uses.has_value()) {
    for (const std::string& use : *d.uses) proto.add_uses(use);
  }
  *proto.mutable_created_at() = ToProto(pin.created_at);
  *proto.mutable_expires_at() = ToProto(pin.expires_at);
  proto.set_actor(pin.by.actor);
  proto.set_reason(pin.by.reason);
  proto.set_holds_up(pin.holds_up);
  return proto;
}

v1::ActiveOverride ToProto(const OverrideRow& row) {
  v1::ActiveOverride proto;
  proto.set_override_id(row.override_id);
  proto.set_contract(row.contract);
  proto.set_targets(row.targets);
  *proto.mutable_created_at() = ToProto(row.created_at);
  *proto.mutable_expires_at() = ToProto(row.expires_at);
  proto.set_actor(row.by.actor);
  proto.set_reason(row.by.reason);
  return proto;
}

v1::Lease ToProto(const AttemptRow& attempt) {
  v1::Lease proto;
  proto.set_lease_epoch(attempt.lease_epoch);
  proto.set_state(StateOf(attempt));
  proto.set_holder(attempt.holder);
  proto.set_session_id(attempt.session);
  proto.set_operation_id(attempt.operation);
  proto.set_first(attempt.first);
  proto.set_last(attempt.last);
  proto.set_committed(attempt.committed);
  *proto.mutable_granted_at() = ToProto(attempt.started_at);
  if (attempt.ended_at.has_value()) *proto.mutable_ended_at() = ToProto(*attempt.ended_at);
  if (attempt.expires_at.has_value()) *proto.mutable_expires_at() = ToProto(*attempt.expires_at);
  if (attempt.error.has_value()) *proto.mutable_error() = ToProto(*attempt.error);
  return proto;
}

v1::Event ToProto(const EventRow& event) {
  v1::Event proto;
  proto.set_sequence(event.sequence);
  *proto.mutable_at() = ToProto(event.at);
  proto.set_kind(event.kind);
  proto.set_version(event.version);
  proto.set_operation_id(event.operation);
  // jsonb is always valid JSON; should it nest deeper than protobuf reads, the event stays.
  if (!google::protobuf::util::JsonStringToMessage(event.detail, proto.mutable_detail()).ok()) {
    proto.clear_detail();
  }
  return proto;
}

}  // namespace lockstep::coordinator
