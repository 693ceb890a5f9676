// A migration that runs outside of a transaction, a statement at a time (step.h).
//
//   connect, directly and proven; take the lock of statements (tried, never waited for)
//   lockstep.plan_statements(token)                 -- how far is it?
//   for each step that is not done:
//     look at the catalog (inspect.h): adopt what is there, or else
//     lockstep.begin_statement(token)               -- committed before anything happens
//     drop what a half of it left; run it; look again
//     lockstep.end_statement(token)
//   BEGIN; lockstep.open(token); lockstep.close(token, digest); COMMIT
//
// Steps that a transaction may hold run in one, between open and end_statement, so they are done
// exactly when they are written down as done. The history row, the applied version, the event and
// the end of the lease are one transaction, as for any other migration.
//
// Why two never run a statement at a time: whoever runs one has the lock of statements, on the very
// connection that runs it, from before its token was checked. Why a token that was taken back does
// no harm: f10_concurrent.sql.
//
// The connection does not notice that its agent died, on purpose: the backend finishes a build that
// may have taken hours, keeps the lock meanwhile, and the next holder adopts what it finds.
//
// Not guaranteed: that nothing of a failed migration stays. Statements that were done stay done,
// and the next run goes on behind them.
#ifndef LOCKSTEP_ENGINE_APPLY_RUN_CONCURRENT_H_
#define LOCKSTEP_ENGINE_APPLY_RUN_CONCURRENT_H_

#include "engine/apply/run.h"
#include "engine/chain/migration.h"

namespace lockstep::apply {

// Applies the one migration of `spec`, as ApplyRun does. Errors of its own, none of which another
// try changes: INDEX_DIFFERS (something else has the name of an index), STATEMENT_IN_DOUBT (a
// statement of which nobody can tell whether it was done), NOT_VERIFIED (it reported success, and
// the catalog does not show it).
RunResult ApplyOutsideTransaction(const RunSpec& spec, const chain::Migration& migration,
                                  Cancellation& cancellation, const Observer& observer);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_RUN_CONCURRENT_H_
