#include "engine/apply/transaction.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/apply/search_path.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::Param;
using postgres::ScriptSession;
using postgres::TransactionStatus;

MigrationResult CommitDisarmed(ScriptSession& session, const MigrationContext& context,
                               chain::Version version, const std::string& xid) {
  absl::Status ready = CheckNotCancelled(context.cancellation);
  if (ready.ok()) ready = LOCKSTEP_FAILPOINT_STATUS("agent.before_commit", session.socket());
  if (!ready.ok()) {
    return Failed(session, MigrationOutcome::kRolledBack, xid, RunErrorOf(version, ready));
  }
  absl::Status committed = session.Execute("COMMIT").status();
  if (LOCKSTEP_FAILPOINT_CUTS("agent.after_commit_before_ack", session.socket())) {
    committed = postgres::UnavailableError("the answer to the COMMIT was lost");
  }
  if (committed.ok()) {
    return {.outcome = MigrationOutcome::kCommitted, .xid = xid, .error = std::nullopt};
  }
  if (postgres::IsConnectionLost(committed) || !session.usable()) {
    return Failed(session, MigrationOutcome::kInDoubt, xid,
                  RunErrorOf(version, postgres::CommitInDoubtError(committed.message())));
  }
  return Failed(session, MigrationOutcome::kRolledBack, xid, RunErrorOf(version, committed));
}

}  // namespace

std::vector<postgres::Value> TokenParams(const LeaseToken& token, chain::Version version) {
  return {Param(token.epoch), Param(token.lease_id), Param(version)};
}

Setting TimeoutOf(const char* name, absl::Duration value) {
  return {name, absl::StrCat(absl::ToInt64Milliseconds(value), "ms")};
}

Calls& Calls::Add(absl::string_view call, const std::vector<postgres::Value>& params) {
  absl::StrAppend(&command_.sql, command_.sql.empty() ? "SELECT " : ", ");
  size_t used = 0;
  for (const char c : call) {
    if (c != '?') {
      command_.sql += c;
      continue;
    }
    LOCKSTEP_CHECK(used < params.size());
    command_.params.push_back(params[used++]);
    absl::StrAppend(&command_.sql, "$", command_.params.size());
  }
  return *this;
}

Calls& Calls::Set(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    Add("pg_catalog.set_config(?, ?, true)",
        {Param(std::string(setting.name)), Param(setting.value)});
  }
  return *this;
}

std::vector<Setting> AsOwner(std::vector<Setting> settings, const RunSettings& run) {
  settings.push_back({"search_path", SafeSearchPath(run.search_path)});
  if (!run.owner_role.empty()) settings.push_back({"role", run.owner_role});
  return settings;
}

absl::Status CheckNotCancelled(const Cancellation& cancellation) {
  return cancellation.requested() ? CancelledError(cancellation.why()) : absl::OkStatus();
}

absl::Status CancelledOr(const Cancellation& cancellation, const absl::Status& status) {
  return cancellation.requested() && !postgres::IsConnectionLost(status)
             ? CancelledError(cancellation.why())
             : status;
}

MigrationResult CommitTransaction(ScriptSession& session, const MigrationContext& context,
                                  chain::Version version, const std::string& xid) {
  // A cancel that hits a COMMIT waiting for a replica would report success without the replica.
  context.watch.Disarm();
  MigrationResult result = CommitDisarmed(session, context, version, xid);
  context.watch.Arm();
  return result;
}

MigrationResult Failed(ScriptSession& session, MigrationOutcome outcome, const std::string& xid,
                       MigrationError error) {
  if (session.usable() && session.transaction_status() != TransactionStatus::kIdle) {
    // A failure of the ROLLBACK is a lost connection; the next use finds it.
    (void)session.Execute("ROLLBACK");
  }
  return {.outcome = outcome, .xid = xid, .error = std::move(error)};
}

}  // namespace lockstep::apply
