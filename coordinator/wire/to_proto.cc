#include "coordinator/wire/to_proto.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "coordinator/wire/lists.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "engine/sql/preamble.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {

using convert::ToProto;

namespace {

constexpr size_t kMaxServiceName = 63;
constexpr size_t kMaxReasonName = 63;
constexpr size_t kMaxName = 128;
constexpr absl::Duration kMaxReserve = absl::Hours(1);
constexpr size_t kMaxMessage = 1024;
constexpr int kMaxUses = 1000;
// A process that was given no service file has no name; people must see it all the same.
constexpr char kUnconfigured[] = "unconfigured";

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

bool IsServiceName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxServiceName) return false;
  for (char c : name) {
    if (!absl::ascii_islower(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '-') {
      return false;
    }
  }
  return true;
}

// The name of a reason: programs switch on it, so that nothing else passes.
bool IsReason(absl::string_view name) {
  if (name.size() > kMaxReasonName) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
  });
}

// Well-formed UTF-8 (RFC 3629: no overlong forms, surrogates or values above U+10FFFF) without
// control characters (C0, DEL, C1).
bool IsPrintable(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    size_t length = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? c : c & (0x7f >> length);
    for (size_t k = 1; k < length; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next >> 6) != 2) return false;
      point = point << 6 | (next & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10ffff || point >> 11 == 0x1b) return false;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return false;
    i += length;
  }
  return true;
}

v1::RunningStep RunningOf(const OperationView& view) {
  v1::RunningStep step;
  const HeldLease& held = *view.held;
  step.set_version(held.progress.version == 0 ? held.lease.first : held.progress.version);
  step.set_title(view.running_title);
  step.set_statement(held.progress.statement);
  step.set_statements(held.progress.statements);
  step.set_holder(held.holder);
  step.set_lease_epoch(held.lease.token.epoch);
  *step.mutable_elapsed() = ToProto(view.running_for);
  step.set_last(held.lease.last);
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

void AddStatements(const std::string& sql, v1::PlannedMigration& proto) {
  for (const sql::Statement& statement : sql::SplitMigration(sql).statements) {
    const absl::string_view text = sql::TextOf(sql, statement);
    const sql::StatementClass kind = sql::ClassifyStatement(text);
    v1::PlannedStatement* const planned = proto.add_statements();
    planned->set_summary(kind.summary);
    planned->set_phase(ToProto(kind.phase));
    planned->set_line(statement.line);
    planned->set_sql(std::string(text));
  }
}

}  // namespace

absl::Status InvalidField(absl::string_view field, absl::string_view why) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                         absl::StrCat(field, ": ", why), {{"field", std::string(field)}});
}

absl::Status CheckText(absl::string_view field, absl::string_view value, size_t limit) {
  if (value.size() > limit)
    return InvalidField(field, absl::StrCat("longer than ", limit, " bytes"));
  if (!IsPrintable(value)) return InvalidField(field, "control characters or invalid UTF-8");
  return absl::OkStatus();
}

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
  return gate;
}

v1::LeaseToken ToProto(const LeaseToken& token) {
  v1::LeaseToken proto;
  proto.set_epoch(token.epoch);
  proto.set_lease_id(token.lease_id);
  return proto;
}

LeaseToken FromProto(const v1::LeaseToken& token) {
  return {.epoch = token.epoch(), .lease_id = token.lease_id()};
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
  return proto;
}

RunError FromProto(const v1::RunError& proto) {
  return {.version = proto.version(),
          .statement = proto.statement(),
          .line = proto.line(),
          .column = proto.column(),
          .reason = IsReason(proto.reason()) ? proto.reason() : "",
          .sqlstate = proto.sqlstate().substr(0, 5),
          .message = proto.message().substr(0, kMaxMessage),
          .detail = proto.detail().substr(0, kMaxMessage),
          .hint = proto.hint().substr(0, kMaxMessage),
          .retryable = proto.retryable(),
          .agent_unfit = proto.agent_unfit()};
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
  proto.set_kind(v1::OPERATION_KIND_UPGRADE);
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
    v1::Backfill* const backfill = proto.add_backfills();
    backfill->set_name(row.name);
    backfill->set_after(row.after);
    backfill->set_state(row.state);
  }
  proto.set_revision(state.chain.revision);
  *proto.mutable_read_at() = ToProto(state.read_at);
  return proto;
}

v1::PlanUpgradeResponse ToProto(const PlannedUpgrade& planned) {
  v1::PlanUpgradeResponse proto;
  const Plan& plan = planned.plan;
  proto.set_applied(plan.applied);
  proto.set_head(plan.head);
  proto.set_target(plan.target);
  proto.set_plan_digest(planned.digest);
  proto.set_migrators(planned.migrators);
  proto.set_never_served(plan.never_served);
  size_t text = 0;
  for (const PlanStep& step : plan.steps) {
    v1::PlannedMigration* const migration = proto.add_migrations();
    const PendingMigration& m = step.migration;
    migration->mutable_ref()->set_version(m.version);
    migration->mutable_ref()->set_title(m.title);
    migration->set_phase(ToProto(m.phase));
    migration->set_transactional(m.transactional);
    migration->set_left_waiting(step.kind == StepKind::kLeftWaiting);
    if (step.kind != StepKind::kRun) migration->set_blocked_by(step.why);
    while (text < planned.texts.size() && planned.texts[text].entry.version < m.version) ++text;
    if (text == planned.texts.size() || planned.texts[text].entry.version != m.version) continue;
    migration->mutable_ref()->set_digest(planned.texts[text].entry.digest);
    migration->mutable_ref()->set_chain_hash(planned.texts[text].entry.chain_hash);
    AddStatements(planned.texts[text].sql, *migration);
  }
  return proto;
}

absl::StatusOr<UpgradeRequest> FromProto(const v1::StartUpgradeRequest& proto) {
  if (proto.request_id().empty()) return InvalidField("request_id", "must not be empty");
  RETURN_IF_ERROR(CheckText("request_id", proto.request_id(), kMaxRequestId));
  RETURN_IF_ERROR(CheckText("actor", proto.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", proto.reason(), kMaxReason));
  return UpgradeRequest{.request_id = proto.request_id(),
                        .target = proto.target(),
                        .contracts = proto.contracts(),
                        .actor = proto.actor(),
                        .reason = proto.reason()};
}

absl::StatusOr<Declaration> FromProto(const v1::BuildDeclaration& proto) {
  Declaration d;
  d.configured = proto.configured();
  d.service = proto.service();
  if (!d.configured && d.service.empty()) d.service = kUnconfigured;
  if (!IsServiceName(d.service)) {
    return InvalidField("service", "must be 1 to 63 characters of a-z, 0-9 and -");
  }
  RETURN_IF_ERROR(CheckText("build", proto.build(), kMaxName));
  d.build = proto.build();
  d.built_for = proto.built_for();
  if (d.built_for < 0 || d.built_for > chain::kMaxVersion) {
    return InvalidField("built_for", "out of range");
  }
  d.chain_hash = proto.chain_hash();
  if (d.built_for > 0 && d.chain_hash.size() != base::kSha256Bytes) {
    return InvalidField("chain_hash", "must be 32 bytes");
  }
  if (proto.has_needs()) {
    if (proto.needs() < 0 || proto.needs() > chain::kMaxVersion) {
      return InvalidField("needs", "out of range");
    }
    d.needs = proto.needs();
  }
  d.adapted_to = proto.adapted_to();
  if (d.adapted_to < 0) return InvalidField("adapted_to", "out of range");
  if (proto.uses_declared()) {
    if (proto.uses_size() > kMaxUses) return InvalidField("uses", "more than 1000 entries");
    d.uses.emplace();
    for (const std::string& use : proto.uses()) {
      RETURN_IF_ERROR(CheckText("uses", use, kMaxName * 3));
      d.uses->push_back(use);
    }
  }
  d.stop_on_session_loss = proto.on_session_loss() == v1::ON_SESSION_LOSS_STOP;
  return d;
}

absl::StatusOr<Declaration> FromProto(const v1::Hello& hello) {
  ASSIGN_OR_RETURN(Declaration d, FromProto(hello.declaration()));
  if (!base::IsUuid(hello.session_id())) return InvalidField("session_id", "must be a UUID");
  d.session_id = absl::AsciiStrToLower(hello.session_id());
  if (hello.instance().empty()) return InvalidField("instance", "must not be empty");
  RETURN_IF_ERROR(CheckText("instance", hello.instance(), kMaxName));
  d.instance = hello.instance();
  if (hello.nonce() <= 0) return InvalidField("nonce", "must be positive");
  d.nonce = hello.nonce();
  RETURN_IF_ERROR(CheckText("migrate_error", hello.migrate_error(), kMaxMessage));
  d.can_migrate = hello.can_migrate();
  d.migrate_error = hello.migrate_error();
  if (!hello.has_reserve()) return d;
  d.reserve = convert::FromProto(hello.reserve());
  if (*d.reserve < absl::ZeroDuration() || *d.reserve > kMaxReserve) {
    return InvalidField("reserve", "must be 0 s to 1 h");
  }
  return d;
}

}  // namespace lockstep::coordinator
