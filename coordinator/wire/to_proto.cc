#include "coordinator/wire/to_proto.h"

#include "coordinator/wire/contract_to_proto.h"
#include "coordinator/wire/lists.h"
#include "engine/sql/preamble.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

using convert::ToProto;

namespace {

v1::OperationState StateOf(OperationState state) {
  switch (state) {
    case OperationState::kRunning:
      return v1::OPERATION_STATE_RUNNING;
    case OperationState::kPaused:
      return v1::OPERATION_STATE_PAUSED;
    case OperationState::kCancelling:
      return v1::OPERATION_STATE_CANCELLING;
    case OperationState::kSucceeded:
      return v1::OPERATION_STATE_SUCCEEDED;
    case OperationState::kFailed:
      return v1::OPERATION_STATE_FAILED;
    case OperationState::kCancelled:
      return v1::OPERATION_STATE_CANCELLED;
  }
  return v1::OPERATION_STATE_UNSPECIFIED;
}

v1::GateState StateOf(GateState state) {
  switch (state) {
    case GateState::kOpen:
      return v1::GATE_STATE_OPEN;
    case GateState::kWait:
      return v1::GATE_STATE_WAIT;
    case GateState::kRefused:
      return v1::GATE_STATE_REFUSED;
  }
  return v1::GATE_STATE_UNSPECIFIED;
}

v1::MigrationState StateOf(const MigrationRow& row) {
  if (row.applied) return v1::MIGRATION_STATE_APPLIED;
  if (row.in_flight) return v1::MIGRATION_STATE_RUNNING;
  if (row.phase == sql::Phase::kContract && row.turn_has_come) {
    return v1::MIGRATION_STATE_WAITING;
  }
  return v1::MIGRATION_STATE_PENDING;
}

v1::LockWait ProtoOf(const LockWait& wait) {
  v1::LockWait proto;
  proto.set_relation(wait.relation);
  proto.set_mode(wait.mode);
  for (const LockBlocker& blocker : wait.blockers) {
    v1::LockBlocker* const to = proto.add_blockers();
    to->set_pid(blocker.pid);
    const auto at = [](int64_t micros) { return ToProto(absl::FromUnixMicros(micros)); };
    if (blocker.backend_start != 0) *to->mutable_backend_start() = at(blocker.backend_start);
    if (blocker.transaction_start != 0) {
      *to->mutable_transaction_start() = at(blocker.transaction_start);
    }
    to->set_role(blocker.role);
    to->set_application_name(blocker.application_name);
    to->set_state(blocker.state);
    *to->mutable_transaction_age() = ToProto(blocker.transaction_age);
    *to->mutable_state_age() = ToProto(blocker.state_age);
    to->set_query(blocker.query);
  }
  return proto;
}

v1::AttemptOutcome OutcomeOf(const AttemptRow& attempt) {
  if (attempt.outcome == "succeeded") return v1::ATTEMPT_OUTCOME_SUCCEEDED;
  if (attempt.outcome == "failed") return v1::ATTEMPT_OUTCOME_FAILED;
  if (attempt.outcome == "not started") return v1::ATTEMPT_OUTCOME_NOT_STARTED;
  if (attempt.outcome == "unknown") return v1::ATTEMPT_OUTCOME_UNKNOWN;
  if (attempt.outcome == "revoked") return v1::ATTEMPT_OUTCOME_REVOKED;
  return v1::ATTEMPT_OUTCOME_UNSPECIFIED;
}

v1::Attempt AttemptOf(const AttemptRow& attempt) {
  v1::Attempt proto;
  proto.set_lease_epoch(attempt.lease_epoch);
  proto.set_holder(attempt.holder);
  proto.set_first(attempt.first);
  proto.set_last(attempt.last);
  *proto.mutable_started_at() = ToProto(attempt.started_at);
  if (attempt.ended_at.has_value()) *proto.mutable_ended_at() = ToProto(*attempt.ended_at);
  proto.set_outcome(OutcomeOf(attempt));
  proto.set_committed(attempt.committed);
  if (attempt.error.has_value()) *proto.mutable_error() = ToProto(*attempt.error);
  return proto;
}

v1::RunningStep RunningOf(const OperationView& view) {
  v1::RunningStep step;
  const HeldLease& held = *view.held;
  step.set_version(held.progress.version == 0 ? held.lease.first : held.progress.version);
  step.set_title(view.running_title);
  step.set_statement(held.progress.statement);
  step.set_statements(held.progress.statements);
  step.set_activity(held.progress.activity);
  if (held.progress.percent >= 0) step.set_percent(held.progress.percent);
  step.set_holder(held.holder);
  step.set_lease_epoch(held.lease.token.epoch);
  *step.mutable_elapsed() = ToProto(view.running_for);
  step.set_last(held.lease.last);
  if (held.progress.lock.has_value()) *step.mutable_lock_wait() = ProtoOf(*held.progress.lock);
  return step;
}

v1::ChainStatus ChainOf(const ClusterState& state) {
  v1::ChainStatus proto;
  proto.set_applied(state.chain.applied);
  proto.set_head(state.chain.head);
  proto.set_pending(state.pending);
  for (Version v : state.contracts_waiting) proto.add_contracts_waiting(v);
  proto.set_head_hash(state.chain.head_hash);
  proto.set_inflight(state.chain.inflight);
  proto.set_barrier(state.chain.barrier);
  proto.set_incarnation(state.chain.incarnation);
  return proto;
}

}  // namespace

v1::Phase ToProto(sql::Phase phase) {
  switch (phase) {
    case sql::Phase::kNeutral:
      return v1::PHASE_NEUTRAL;
    case sql::Phase::kData:
      return v1::PHASE_DATA;
    case sql::Phase::kExpand:
      return v1::PHASE_EXPAND;
    case sql::Phase::kContract:
      return v1::PHASE_CONTRACT;
  }
  return v1::PHASE_UNSPECIFIED;
}

namespace {

v1::GateFacts ToProto(const VerdictFacts& facts) {
  v1::GateFacts proto;
  proto.set_operation_id(facts.operation);
  proto.set_version(facts.version);
  proto.set_title(facts.title);
  proto.set_holder(facts.holder);
  proto.set_statement(facts.statement);
  proto.set_statements(facts.statements);
  proto.set_error(facts.error);
  proto.set_owner(facts.owner);
  absl::Time at;
  if (absl::ParseTime("%Y-%m-%d %H:%M:%S UTC", facts.at, &at, nullptr)) {
    *proto.mutable_at() = convert::ToProto(at);
  }
  proto.set_adapted_to(facts.adapted_to);
  for (const std::string& build : facts.builds) proto.add_builds(build);
  return proto;
}

}  // namespace

v1::Gate ToProto(const Verdict& verdict, absl::Duration validity) {
  v1::Gate gate;
  gate.set_state(StateOf(verdict.state));
  gate.set_reason(verdict.reason);
  gate.set_detail(verdict.detail);
  gate.set_hint(verdict.hint);
  gate.set_applied(verdict.applied);
  gate.set_needs(verdict.needs);
  gate.set_head(verdict.head);
  gate.set_revision(verdict.revision);
  *gate.mutable_validity() = ToProto(validity);
  if (verdict.facts != VerdictFacts{}) *gate.mutable_facts() = ToProto(verdict.facts);
  return gate;
}

v1::LeaseToken ToProto(const LeaseToken& token) {
  v1::LeaseToken proto;
  proto.set_epoch(token.epoch);
  proto.set_lease_id(token.lease_id);
  return proto;
}

v1::RunError ToProto(const RunError& error) {
  v1::RunError proto;
  proto.set_version(error.version);
  proto.set_statement(error.statement);
  proto.set_line(error.line);
  proto.set_column(error.column);
  proto.set_reason(error.reason);
  proto.set_sqlstate(error.sqlstate);
  proto.set_message(error.message);
  proto.set_detail(error.detail);
  proto.set_hint(error.hint);
  proto.set_retryable(error.retryable);
  proto.set_agent_unfit(error.agent_unfit);
  proto.set_statement_text(error.statement_text);
  if (error.lock.has_value()) *proto.mutable_lock_wait() = ProtoOf(*error.lock);
  return proto;
}

v1::Migration ToProto(const MigrationRow& row) {
  v1::Migration proto;
  proto.mutable_ref()->set_version(row.version);
  proto.mutable_ref()->set_title(row.title);
  proto.mutable_ref()->set_digest(row.digest);
  proto.mutable_ref()->set_chain_hash(row.chain_hash);
  proto.set_phase(ToProto(row.phase));
  proto.set_transactional(row.transactional);
  proto.set_state(StateOf(row));
  *proto.mutable_published_at() = ToProto(row.published_at);
  proto.set_published_by(row.published_by);
  if (!row.applied) return proto;
  *proto.mutable_applied_at() = ToProto(row.applied_at);
  *proto.mutable_duration() = ToProto(row.duration);
  proto.set_applied_by(row.applied_by);
  proto.set_how(row.how);
  proto.set_lease_epoch(row.lease_epoch);
  return proto;
}

v1::Operation ToProto(const OperationView& view) {
  const OperationRow& row = view.row;
  v1::Operation proto;
  proto.set_operation_id(row.operation_id);
  proto.set_kind(row.kind == OperationKind::kContract ? v1::OPERATION_KIND_CONTRACT
                                                      : v1::OPERATION_KIND_UPGRADE);
  proto.set_state(StateOf(row.state));
  proto.set_target(row.target);
  proto.set_start_version(row.start_version);
  proto.set_applied(view.applied);
  proto.set_actor(row.actor);
  proto.set_reason(row.reason);
  *proto.mutable_created_at() = ToProto(row.created_at);
  if (row.ended_at.has_value()) *proto.mutable_ended_at() = ToProto(*row.ended_at);
  if (row.error.has_value()) *proto.mutable_error() = ToProto(*row.error);
  proto.set_error_file(view.error_file);
  proto.set_waiting_for(view.waiting_for);
  if (view.held.has_value()) *proto.mutable_running() = RunningOf(view);
  for (Version v : view.contracts_waiting) proto.add_contracts_waiting(v);
  proto.set_attempts(row.attempts);
  for (const AttemptRow& attempt : view.attempts) *proto.add_recent_attempts() = AttemptOf(attempt);
  if (row.terminate_idle.has_value()) {
    *proto.mutable_terminate_idle_blockers() = ToProto(*row.terminate_idle);
  }
  if (view.contract.has_value()) *proto.mutable_contract() = ToProto(*view.contract);
  if (view.backfill.has_value()) *proto.mutable_backfill() = ToProto(*view.backfill);
  return proto;
}

v1::ClusterStatus ToProto(const ClusterState& state, absl::Duration validity) {
  v1::ClusterStatus proto;
  proto.set_database(state.database);
  proto.set_server_version(state.server_version);
  if (!state.leader.expired) proto.mutable_leader()->set_address(state.leader.address);
  proto.mutable_leader()->set_epoch(state.leader.token.epoch);
  proto.mutable_leader()->set_self(state.self_leads);
  *proto.mutable_chain() = ChainOf(state);
  if (state.operation.has_value()) *proto.mutable_operation() = ToProto(*state.operation);
  if (state.last_operation.has_value()) {
    *proto.mutable_last_operation() = ToProto(*state.last_operation);
  }
  if (state.contract.has_value()) *proto.mutable_contract() = ToProto(*state.contract);
  for (const ContractWaiting& waiting : state.waiting) {
    v1::WaitingContract* const contract = proto.add_waiting_contracts();
    contract->set_version(waiting.version);
    contract->set_concerned(static_cast<int32_t>(waiting.concerned));
    for (const std::string& name : waiting.services) contract->add_services(name);
  }
  v1::ServiceStatus* service = nullptr;
  for (const InstanceState& instance : state.instances) {
    const std::string& name = instance.session.declaration.service;
    if (service == nullptr || service->service() != name) {
      service = proto.add_services();
      service->set_service(name);
    }
    *service->add_instances() = ToProto(instance, validity);
  }
  for (const BackfillRow& row : state.backfills) {
    *proto.add_backfills() = ToProto(row);
  }
  for (const PinRow& pin : state.pins) *proto.add_pins() = ToProto(pin);
  proto.set_pins_total(static_cast<int32_t>(state.pins_total));
  for (const OverrideRow& row : state.overrides) *proto.add_overrides() = ToProto(row);
  proto.set_overrides_total(static_cast<int32_t>(state.overrides_total));
  if (state.expiry_brake.has_value()) {
    v1::ExpiryBrake* const brake = proto.mutable_expiry_frozen();
    brake->set_silent(static_cast<int32_t>(state.expiry_brake->state.silent));
    brake->set_sessions(static_cast<int32_t>(state.expiry_brake->state.sessions));
    *brake->mutable_since() = ToProto(state.expiry_brake->since);
  }
  proto.set_revision(state.chain.revision);
  *proto.mutable_read_at() = ToProto(state.read_at);
  return proto;
}

}  // namespace lockstep::coordinator
