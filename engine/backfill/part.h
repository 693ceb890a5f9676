// One part of a backfill: its prepare, a range of keys in batches, or its verification, under a
// token of its own (f16_backfill.sql).
//
//   apply::Cancellation cancellation;
//   PartEnd end = RunPart(spec, cancellation, keeper);   // blocks; a worker's thread
//
// Each batch is one transaction: token, cursor, statements and checkpoint in it. A batch that was
// lost in its COMMIT is found by the cursor: either both are there or neither. Where the job stands
// still, and why, is written to the part's row, so that everybody who looks at the database sees
// it.
//
// Not guaranteed: that the token is still ours. Every transaction finds out for itself.
#ifndef LOCKSTEP_ENGINE_BACKFILL_PART_H_
#define LOCKSTEP_ENGINE_BACKFILL_PART_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "engine/apply/cancellation.h"
#include "engine/apply/lease.h"
#include "engine/backfill/vacuum.h"

namespace lockstep::backfill {

struct PartSpec {
  apply::LeaseToken token;
  std::string conninfo;
  bool allow_superuser = false;
};

enum class PartOutcome {
  kDone,       // The part is at its end.
  kGivenBack,  // It was stopped, or cannot go on; `status` says why, and the database knows.
  kFenced,     // The token is not current any more.
  kLost,       // The database was away for too long; the token may still be ours.
};

struct PartEnd {
  PartOutcome outcome = PartOutcome::kLost;
  absl::Status status;
};

// How long a part is a holder's without a word of it; each batch and each beat says one.
inline constexpr absl::Duration kPartTtl = absl::Seconds(30);
// The same for what is one long statement: prepare, verify.
inline constexpr absl::Duration kLongPartTtl = absl::Minutes(10);
// How often a part that stands still says so, and looks whether it may go on.
inline constexpr absl::Duration kBeat = absl::Seconds(1);
inline constexpr absl::Duration kLook = absl::Milliseconds(200);
// A database that is away is tried again for this long.
inline constexpr absl::Duration kMaxAway = absl::Seconds(25);

// `keeper` is the caller's for all parts that it runs, one after the other.
PartEnd RunPart(const PartSpec& spec, apply::Cancellation& cancellation, VacuumKeeper& keeper);

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_PART_H_
