// What a statement or migration does to code that is running while it is applied.
#ifndef LOCKSTEP_ENGINE_SQL_PHASE_H_
#define LOCKSTEP_ENGINE_SQL_PHASE_H_

#include "absl/strings/string_view.h"

namespace lockstep::sql {

// Ordered: the strongest of a file's statements is the file's.
enum class Phase {
  kNeutral = 0,  // No client can notice, except through locks and speed.
  kExpand,       // Every client that worked before still works.
  kData,         // Changes rows, not shape.
  kContract,     // Some client that worked before may fail or see other data.
};

absl::string_view PhaseName(Phase phase);  // "neutral", "expand", "data", "contract".
// Returns false for anything but the four names.
bool ParsePhase(absl::string_view name, Phase* phase);

// Why something is a contract.
enum class ContractKind {
  kNone,     // It is not one.
  kRemove,   // An object is gone.
  kReshape,  // Renamed, retyped, moved.
  kTighten,  // Writes or reads that were legal are refused.
  kPerf,     // An index is gone.
  kOpaque,   // It cannot be told.
};

absl::string_view ContractKindName(ContractKind kind);  // "remove", ...; "" for kNone.

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_PHASE_H_
