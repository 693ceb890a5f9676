// What a step outside of a transaction has left in the catalog, and what is to be done about it.
// The catalog alone is believed: an answer may have been lost, and so may a whole agent.
//
//   | statement                     | half of it                       | then | | CREATE INDEX
//   CONCURRENTLY     | an invalid index                 | dropped, built again        | | DROP
//   INDEX CONCURRENTLY       | the index, invalid               | repeated                    | |
//   REINDEX CONCURRENTLY          | _ccnew, _ccold beside the index  | dropped; _ccnew: repeated |
//   | DETACH PARTITION CONCURRENTLY | a pending detach                 | finalized | | VACUUM,
//   ANALYZE, CLUSTER      |                                  | run again                   | |
//   anything else                 | cannot be told                   | a person decides |
//
// IF NOT EXISTS is never relied on: PostgreSQL would leave an invalid index as it is and report
// success. Whether an index is the one that the file asks for, the server says itself: the same
// definition is made on an empty twin of the table, in a transaction that is rolled back, and the
// catalog's words for the two are compared.
//
// Not guaranteed: that what was found is still so a moment later, unless the caller has the lock of
// statements and nobody but lockstep touches these objects.
#ifndef LOCKSTEP_ENGINE_APPLY_INSPECT_H_
#define LOCKSTEP_ENGINE_APPLY_INSPECT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/apply/step.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

// When a step is looked at.
enum class Moment {
  kFresh,  // It was never begun, or what it left has been taken away.
  kBegun,  // It was begun, by whomever: its effect may be there, wholly or by half.
  kAfter,  // PostgreSQL said that it is done.
};

enum class Verdict {
  kRun,      // Run it, after `leftovers` are dropped.
  kDone,     // Its effect is there, once `leftovers` are dropped.
  kBusy,     // There are leftovers, but somebody else is at work on their table.
  kDiffers,  // Something else is in its way.
  kInDoubt,  // It was begun, and nobody but its author can tell what became of it.
};

struct Evidence {
  Verdict verdict = Verdict::kRun;
  std::vector<std::string> leftovers;  // Invalid indexes, quoted, with schema.
  std::string instead;  // What to run in place of the file's statement; "" for the statement.
  bool half = false;    // Of kRun: a half that only running it again takes away.
  bool absent = false;  // Of kRun: what it is to take away is not there, so it cannot have been it.
  std::string found;    // For people: "index public.orders_total is valid".
};

// Looks, as the role that is set on `session`, which must be idle. Fails when it cannot ask.
absl::StatusOr<Evidence> Inspect(postgres::ScriptSession& session, const Step& step, Moment moment);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_INSPECT_H_
