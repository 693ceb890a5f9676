// What the transactions of one migration and of a group have in common. Internal to engine/apply.
#ifndef LOCKSTEP_ENGINE_APPLY_TRANSACTION_H_
#define LOCKSTEP_ENGINE_APPLY_TRANSACTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/apply/run_migration.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

// How long open, close and the deferred constraints may wait for a lock: lockstep's own rows, which
// nobody keeps for long, and referenced tables. Longer than the waits of the file's own statements,
// because at the end their work would be thrown away.
inline constexpr absl::Duration kFenceLockTimeout = absl::Seconds(10);

inline constexpr char kBegin[] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
inline constexpr char kXid[] = "pg_catalog.pg_current_xact_id()::pg_catalog.text";

// The fence of one migration, for Calls::Add with TokenParams; close takes the digest after them.
inline constexpr char kOpen[] =
    "lockstep.open(?::pg_catalog.int8, ?::pg_catalog.uuid, ?::pg_catalog.int4)";
inline constexpr char kClose[] =
    "lockstep.close(?::pg_catalog.int8, ?::pg_catalog.uuid, ?::pg_catalog.int4,"
    " ?::pg_catalog.bytea)";

// What every function of the fence is called with first.
std::vector<postgres::Value> TokenParams(const LeaseToken& token, chain::Version version);

// A setting and its value for this transaction.
struct Setting {
  const char* name;
  std::string value;
};

Setting TimeoutOf(const char* name, absl::Duration value);

// One command of several calls, done in their order: to parse and start a command costs more than
// most of what these do. Values are bound, so that nothing has to be quoted.
//
//   Calls().Set({TimeoutOf("lock_timeout", limit)}).Add("f(?, ?)", {Param(1), Param(2)}).command()
class Calls {
 public:
  // Each `?` of `call` is the next of `params`.
  Calls& Add(absl::string_view call, const std::vector<postgres::Value>& params = {});
  // SET LOCAL for each; that is what set_config(..., true) is.
  Calls& Set(const std::vector<Setting>& settings);
  const postgres::Command& command() const { return command_; }

 private:
  postgres::Command command_;
};

// `settings`, and those under which the statements of files run; the role comes last.
std::vector<Setting> AsOwner(std::vector<Setting> settings, const RunSettings& run);

absl::Status CheckNotCancelled(const Cancellation& cancellation);

// What a phase before the COMMIT failed with: a request to cancel shows as query_canceled.
absl::Status CancelledOr(const Cancellation& cancellation, const absl::Status& status);

// Ends the transaction and returns what became of it. `version` is whose error it would be.
MigrationResult CommitTransaction(postgres::ScriptSession& session, const MigrationContext& context,
                                  chain::Version version, const std::string& xid);

// Rolls back what is open; returns `outcome` with its error.
MigrationResult Failed(postgres::ScriptSession& session, MigrationOutcome outcome,
                       const std::string& xid, MigrationError error);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_TRANSACTION_H_
