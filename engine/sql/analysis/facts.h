// What one statement does: the claims of the safety analysis. Locks, rewrites and scans are claims
// about PostgreSQL's behaviour that tests/truth holds against real servers.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FACTS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FACTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/sql/lock_mode.h"
#include "engine/sql/model/database.h"
#include "engine/sql/phase.h"

namespace lockstep::sql {

enum class ObjectClass {
  kRelation,  // Tables, views, materialized views, foreign tables, composite types.
  kIndex,
  kSequence,
  kType,
  kFunction,
  kSchema,
  kExtension,
  kPublication,
  kOther,  // Roles, casts, operators, event triggers, ...
};

absl::string_view ObjectClassName(ObjectClass object_class);

// Ordered: the strongest of a statement's effects on one object counts.
enum class Effect {
  kNone,    // Only locked.
  kRead,    // Its rows or its definition.
  kWrite,   // Its rows.
  kAlter,   // Its definition, so that what worked before still works.
  kCreate,  // It comes to be.
  kBreak,   // It is gone, renamed or changed, so that somebody's code may fail.
};

// One object that a statement locks or touches.
struct Touch {
  ObjectClass object_class = ObjectClass::kRelation;
  model::Name name;
  // The column, of a relation; "" when the statement touches the object as a whole.
  std::string column;
  Effect effect = Effect::kNone;
  // What others wait for until the transaction ends; kNone where the object itself is not locked.
  // Stands in the touch of the whole object only.
  LockMode lock = LockMode::kNone;
  bool rewrite = false;        // The heap is written anew.
  bool index_rebuild = false;  // Of an index (kIndex): built anew.
  bool scan = false;           // All rows are read under that lock.
  // It existed before the unit that is analysed: somebody may use it.
  bool live = true;
  // A table, partitioned or not: rows that others read and write.
  bool table = false;
};

enum class Guard { kNone, kIfExists, kIfNotExists, kOrReplace };

// What a statement is, for the rules of a whole file.
enum class StatementClassKind {
  kOther,
  kDefinition,   // DDL.
  kData,         // INSERT, UPDATE, DELETE, MERGE, COPY FROM, TRUNCATE, ...
  kQuery,        // SELECT and its kin.
  kSession,      // SET and its kin.
  kTransaction,  // BEGIN, COMMIT, ...
};

struct StatementFacts {
  // "CREATE TABLE users": for plans; at most 80 bytes, no literals.
  std::string summary;
  // libpg_query's name of the node, e.g. "AlterTableStmt"; "" when it was not parsed.
  std::string node;
  StatementClassKind kind = StatementClassKind::kOther;

  Phase phase = Phase::kNeutral;
  ContractKind contract_kind = ContractKind::kNone;
  // The phase would be another one if the catalog said so: contract is the safe answer to a text
  // that does not tell.
  bool phase_unknown = false;
  // It could not be analysed: unreadable by the parser, or dynamic SQL. Its phase is the declared
  // one, undeclared it is a contract.
  bool opaque = false;

  bool transaction_control = false;
  // PostgreSQL refuses it in a transaction block (25001).
  bool non_transactional = false;
  // Nothing will happen: the guard finds what it asks for.
  bool no_op = false;
  Guard guard = Guard::kNone;
  // What is needed beside ownership: "superuser", "CREATEROLE", ...; "" for nothing.
  std::string needs_role;

  std::vector<Touch> touches;
  // The old and the new name of a live relation that it renames or moves.
  std::vector<std::pair<model::Name, model::Name>> renamed;

  // The strongest lock on a relation or index that others may be using.
  LockMode StrongestLiveLock() const;
  // Whether it reads or writes a live table as a whole while it holds that lock.
  bool LongOnLive() const;
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FACTS_H_
