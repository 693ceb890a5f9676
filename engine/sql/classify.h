// What a statement does to code that is running while it is applied. This is the conservative core:
// only forms known to leave running code alone are kExpand, kData or kNeutral; everything else,
// and everything that cannot be read, is kContract.
#ifndef LOCKSTEP_ENGINE_SQL_CLASSIFY_H_
#define LOCKSTEP_ENGINE_SQL_CLASSIFY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::sql {

// Ordered: the strongest of a file's statements is the file's.
enum class Phase { kNeutral = 0, kData = 1, kExpand = 2, kContract = 3 };

absl::string_view PhaseName(Phase phase);  // "neutral", "data", "expand", "contract".
// Returns false for anything but the four names.
bool ParsePhase(absl::string_view name, Phase* phase);

struct StatementClass {
  Phase phase = Phase::kContract;
  // True when the statement could not be analysed: unreadable by the parser, or dynamic (DO, CALL,
  // EXECUTE, SELECT of a function that is not known to be harmless).
  bool opaque = false;
  // True for BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION and their kin.
  bool transaction_control = false;
  // True when PostgreSQL refuses it in a transaction block (CONCURRENTLY, VACUUM, ...).
  bool non_transactional = false;
  std::string summary;  // E.g. "CREATE TABLE users"; for plans; at most 80 characters.
};

// Classifies one statement. Safe to call from any thread.
StatementClass ClassifyStatement(absl::string_view statement);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_CLASSIFY_H_
