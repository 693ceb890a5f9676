#include "agent/wire.h"

#include <utility>

#include "proto/convert/time.h"

namespace lockstep::agent {
namespace {

constexpr size_t kMaxReasonName = 63;

v1::RunOutcome ToProto(apply::RunOutcome outcome) {
  switch (outcome) {
    case apply::RunOutcome::kSucceeded:
      return v1::RUN_OUTCOME_SUCCEEDED;
    case apply::RunOutcome::kFailed:
      return v1::RUN_OUTCOME_FAILED;
    case apply::RunOutcome::kNotStarted:
      return v1::RUN_OUTCOME_NOT_STARTED;
    case apply::RunOutcome::kUnknown:
      return v1::RUN_OUTCOME_UNKNOWN;
  }
  return v1::RUN_OUTCOME_UNSPECIFIED;
}

void SetTime(int64_t micros, google::protobuf::Timestamp* out) {
  *out = convert::ToProto(absl::FromUnixMicros(micros));
}

v1::LockWait ToProto(const postgres::LockWait& wait) {
  v1::LockWait out;
  out.set_relation(ToWireText(wait.relation, kMaxWireText));
  out.set_mode(ToWireText(wait.mode, kMaxWireText));
  for (const postgres::LockBlocker& blocker : wait.blockers) {
    v1::LockBlocker* const to = out.add_blockers();
    to->set_pid(blocker.pid);
    if (blocker.backend_start != 0) SetTime(blocker.backend_start, to->mutable_backend_start());
    if (blocker.transaction_start != 0) {
      SetTime(blocker.transaction_start, to->mutable_transaction_start());
    }
    to->set_role(ToWireText(blocker.role, kMaxWireText));
    to->set_application_name(ToWireText(blocker.application_name, kMaxWireText));
    to->set_state(ToWireText(blocker.state, kMaxWireText));
    *to->mutable_transaction_age() = convert::ToProto(blocker.transaction_age);
    *to->mutable_state_age() = convert::ToProto(blocker.state_age);
    to->set_query(ToWireText(blocker.query, kMaxWireText));
  }
  return out;
}

v1::RunError ToProto(const apply::MigrationError& error) {
  v1::RunError out;
  out.set_version(error.version);
  out.set_statement(error.statement);
  out.set_line(error.line);
  out.set_column(error.column);
  out.set_reason(ToWireText(error.reason, kMaxReasonName));
  out.set_sqlstate(ToWireText(error.sqlstate, 5));
  out.set_message(ToWireText(error.message, kMaxWireText));
  out.set_detail(ToWireText(error.detail, kMaxWireText));
  out.set_hint(ToWireText(error.hint, kMaxWireText));
  out.set_retryable(error.retryable);
  out.set_agent_unfit(error.agent_unfit);
  out.set_statement_text(ToWireText(error.statement_text, kMaxWireText));
  if (error.lock.has_value()) *out.mutable_lock_wait() = ToProto(*error.lock);
  return out;
}

GateState FromProto(v1::GateState state) {
  switch (state) {
    case v1::GATE_STATE_OPEN:
      return GateState::kOpen;
    case v1::GATE_STATE_REFUSED:
      return GateState::kRefused;
    default:
      return GateState::kWait;
  }
}

// The length of the UTF-8 sequence that `text` begins with, 0 when it is none.
size_t SequenceLength(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80                    ? 1
                        : lead >= 0xC2 && lead <= 0xDF ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::string ToWireText(absl::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    const size_t taken = length == 0 ? 1 : length;
    if (out.size() + taken > max_bytes) break;
    if (length == 0) {
      out.push_back('?');
    } else {
      out.append(text.data(), length);
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string ToWireLine(absl::string_view text, size_t max_bytes) {
  std::string line;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool c1 = c == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F
    line.push_back(c1 || c < 0x20 || c == 0x7F ? ' ' : text[i]);
    if (c1) ++i;
  }
  return ToWireText(line, max_bytes);
}

v1::LeaseToken ToProto(const apply::LeaseToken& token) {
  v1::LeaseToken out;
  out.set_epoch(token.epoch);
  out.set_lease_id(token.lease_id);
  return out;
}

apply::LeaseToken FromProto(const v1::LeaseToken& token) {
  return {.epoch = token.epoch(), .lease_id = token.lease_id()};
}

v1::RunProgress ToProto(const apply::LeaseToken& token, const apply::Progress& progress) {
  v1::RunProgress out;
  *out.mutable_token() = ToProto(token);
  out.set_version(progress.version);
  out.set_statement(progress.statement);
  out.set_statements(progress.statements);
  out.set_committed(progress.committed);
  out.set_activity(progress.activity);
  if (progress.percent >= 0) out.set_percent(progress.percent);
  if (progress.lock.has_value()) *out.mutable_lock_wait() = ToProto(*progress.lock);
  return out;
}

v1::CompleteRunRequest ToProto(const apply::LeaseToken& token, const std::string& session_id,
                               const apply::RunResult& result) {
  v1::CompleteRunRequest out;
  *out.mutable_token() = ToProto(token);
  out.set_session_id(session_id);
  out.set_outcome(ToProto(result.outcome));
  out.set_committed(result.committed);
  if (result.error.has_value()) *out.mutable_error() = ToProto(*result.error);
  return out;
}

namespace {

GateFacts FromProto(const v1::GateFacts& facts) {
  GateFacts out{.operation_id = facts.operation_id(),
                .version = facts.version(),
                .title = facts.title(),
                .holder = facts.holder(),
                .statement = facts.statement(),
                .statements = facts.statements(),
                .error = facts.error(),
                .owner = facts.owner(),
                .adapted_to = facts.adapted_to(),
                .builds = {facts.builds().begin(), facts.builds().end()}};
  if (facts.has_at()) out.at = convert::FromProto(facts.at());
  return out;
}

}  // namespace

GateVerdict FromProto(const v1::Gate& gate) {
  return {.state = FromProto(gate.state()),
          .reason = gate.reason(),
          .detail = gate.detail(),
          .hint = gate.hint(),
          .applied = gate.applied(),
          .needs = gate.needs(),
          .head = gate.head(),
          .revision = gate.revision(),
          .facts = FromProto(gate.facts())};
}

LeaseOffer FromProto(const v1::LeaseOffer& offer) {
  return {.token = FromProto(offer.token()), .first = offer.first(), .last = offer.last()};
}

FetchedRun FromProto(v1::FetchRunResponse response) {
  FetchedRun run{
      .items = {},
      .settings = {.owner_role = response.owner_role(),
                   .search_path = response.search_path(),
                   .lock_timeout = convert::FromProto(response.lock_timeout()),
                   .statement_timeout = convert::FromProto(response.statement_timeout())},
      .more = response.more()};
  for (v1::RunMigration& migration : *response.mutable_migrations()) {
    run.items.push_back({.version = migration.ref().version(),
                         .title = migration.ref().title(),
                         .sql = std::move(*migration.mutable_sql()),
                         .digest = migration.ref().digest(),
                         .group = migration.group(),
                         .transactional = !migration.outside_transaction()});
  }
  return run;
}

}  // namespace lockstep::agent
