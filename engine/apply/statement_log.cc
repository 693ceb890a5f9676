#include "engine/apply/statement_log.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/apply/transaction.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::Command;
using postgres::Param;
using postgres::Result;

// The statement's number, from 1, as people count and lockstep.intent does.
int NumberOf(size_t statement) { return static_cast<int>(statement) + 1; }

constexpr std::array<std::pair<StepState, absl::string_view>, 5> kStates = {
    {{StepState::kPlanned, "planned"},
     {StepState::kRunning, "running"},
     {StepState::kDone, "done"},
     {StepState::kAdopted, "adopted"},
     {StepState::kCleaned, "cleaned"}}};

absl::string_view NameOf(StepState state) {
  for (const auto& [each, name] : kStates) {
    if (each == state) return name;
  }
  return "";
}

// A state of a newer release counts as running: nothing is taken for granted.
StepState StateOf(absl::string_view name) {
  for (const auto& [state, each] : kStates) {
    if (each == name) return state;
  }
  return StepState::kRunning;
}

// Where its result is in the pipeline.
constexpr size_t kCall = 3;

}  // namespace

absl::StatusOr<Result> StatementLog::Transact(const Command& command) {
  absl::StatusOr<std::vector<Result>> results =
      session_.Pipeline({{kBegin},
                         {"RESET ROLE"},
                         Calls().Set({TimeoutOf("lock_timeout", kFenceLockTimeout)}).command(),
                         command,
                         {"COMMIT"}});
  if (results.ok()) return std::move((*results)[kCall]);
  if (session_.usable() && session_.transaction_status() != postgres::TransactionStatus::kIdle) {
    (void)session_.Execute("ROLLBACK");  // What fails here is found by the next use.
  }
  return results.status();
}

absl::StatusOr<bool> StatementLog::TryLock() {
  ASSIGN_OR_RETURN(const Result result, session_.Execute("SELECT lockstep.lock_statements()"));
  return result.only().Bool(0);
}

absl::StatusOr<int> StatementLog::LockHolder() {
  ASSIGN_OR_RETURN(const Result result,
                   session_.Execute("SELECT lockstep.statement_lock_holder()"));
  return result.only().Int(0);
}

absl::StatusOr<std::vector<StepState>> StatementLog::Plan(const std::vector<Step>& steps) {
  std::vector<int32_t> firsts;
  std::vector<int32_t> lasts;
  std::vector<std::string> kinds;
  std::vector<std::string> objects;
  for (const Step& step : steps) {
    firsts.push_back(NumberOf(step.first));
    lasts.push_back(NumberOf(step.last));
    kinds.emplace_back(StepKindName(step.kind));
    objects.push_back(step.object);
  }
  std::vector<postgres::Value> params = TokenParams(token_, version_);
  params.insert(params.end(), {postgres::IntArrayParam(firsts), postgres::IntArrayParam(lasts),
                               postgres::TextArrayParam(kinds), postgres::TextArrayParam(objects)});
  ASSIGN_OR_RETURN(
      const Result result,
      Transact({"SELECT p.state FROM lockstep.plan_statements($1::pg_catalog.int8,"
                " $2::pg_catalog.uuid, $3::pg_catalog.int4, $4::pg_catalog.int4[],"
                " $5::pg_catalog.int4[], $6::pg_catalog.text[], $7::pg_catalog.text[]) p"
                " ORDER BY p.statement",
                params}));
  LOCKSTEP_CHECK(result.rows.size() == steps.size());
  std::vector<StepState> states;
  for (const postgres::Row& row : result.rows) states.push_back(StateOf(row.Text(0)));
  return states;
}

absl::Status StatementLog::Begin(const Step& step) {
  std::vector<postgres::Value> params = TokenParams(token_, version_);
  params.push_back(Param(NumberOf(step.first)));
  // Read by the session itself: inside of the function only its owner's own would be shown.
  return Transact({"SELECT lockstep.begin_statement($1::pg_catalog.int8, $2::pg_catalog.uuid,"
                   " $3::pg_catalog.int4, $4::pg_catalog.int4, (SELECT a.backend_start FROM"
                   " pg_catalog.pg_stat_activity a WHERE a.pid = pg_catalog.pg_backend_pid()))",
                   params})
      .status();
}

absl::Status StatementLog::End(const Step& step, StepState state, absl::string_view found) {
  return Transact(EndCommand(step, state, found)).status();
}

Command StatementLog::EndCommand(const Step& step, StepState state, absl::string_view found) const {
  std::vector<postgres::Value> params = TokenParams(token_, version_);
  params.insert(params.end(), {Param(NumberOf(step.first)), Param(NameOf(state)), Param(found)});
  return {
      "SELECT lockstep.end_statement($1::pg_catalog.int8, $2::pg_catalog.uuid,"
      " $3::pg_catalog.int4, $4::pg_catalog.int4, $5::pg_catalog.text,"
      " pg_catalog.jsonb_build_object('found', $6::pg_catalog.text))",
      params};
}

}  // namespace lockstep::apply
