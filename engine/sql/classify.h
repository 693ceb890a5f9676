// What a statement does to code that is running while it is applied. This is the conservative core:
// only forms known to leave running code alone are kExpand, kData or kNeutral; everything else,
// and everything that cannot be read, is kContract.
#ifndef LOCKSTEP_ENGINE_SQL_CLASSIFY_H_
#define LOCKSTEP_ENGINE_SQL_CLASSIFY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/phase.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

struct StatementClass {
  Phase phase = Phase::kContract;
  // True when the statement could not be analysed: unreadable by the parser, or dynamic (DO, CALL,
  // EXECUTE, SELECT of a function that is not known to be harmless).
  bool opaque = false;
  // True for BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION and their kin.
  bool transaction_control = false;
  // True when PostgreSQL refuses it in a transaction block (CONCURRENTLY, VACUUM, ...).
  bool non_transactional = false;
  std::string summary;  // E.g. "CREATE TABLE users"; for plans; at most 80 bytes, no literals.
};

// Classifies one statement by itself. Safe to call from any thread.
StatementClass ClassifyStatement(absl::string_view statement);

// Classifies the statements of one file in order. Unlike ClassifyStatement it knows which tables
// the file itself created: nothing that runs can depend on those, so a unique index, a constraint
// or a trigger on one of them is an expand. A table counts as created by the file also when the
// statement says IF NOT EXISTS, and as long as its name cannot have come to mean another one (no
// SET, no DROP or RENAME, nothing opaque since). Safe to call from any thread.
std::vector<StatementClass> ClassifyStatements(const std::vector<absl::string_view>& statements);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_CLASSIFY_H_
