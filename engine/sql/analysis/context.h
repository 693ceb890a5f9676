// What the analysis of one statement reads and writes: shared by the families (one .cc file a kind
// of statement). Internal to engine/sql/analysis.
//
// A family is a function that gets the statement's node and this context. In this order it
//   1. finds what the statement is about in the catalog (Resolve, Exists),
//   2. says what is locked, rewritten and scanned (Lock), what is touched (Touch) and in which
//      phase (Strengthen),
//   3. says what people should know (Find, FindOn),
//   4. changes the catalog as the statement will (context.db), so that the next statement is
//      judged against the result.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTEXT_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTEXT_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/facts.h"
#include "engine/sql/analysis/finding.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// What a lock is held for.
struct Work {
  bool rewrite = false;
  bool index_rebuild = false;
  bool scan = false;
};

class StatementContext {
 public:
  // `base` is where the statement begins in the text that was parsed.
  StatementContext(model::Database* database, absl::string_view statement_text, size_t base,
                   bool file_is_transactional, StatementFacts* statement_facts,
                   std::vector<Finding>* findings)
      : db(*database),
        text(statement_text),
        transactional(file_is_transactional),
        facts(*statement_facts),
        findings_(*findings),
        origin_{.base = base} {}

  model::Database& db;
  absl::string_view text;  // The statement.
  bool transactional;      // False in a file that says `transaction none`.
  StatementFacts& facts;

  // ---- Finding what is meant. `range` is a RangeVar, wrapped or not.

  // The relation, or nullptr when it does not exist or nothing is known of it.
  model::Relation* Find(Node range);
  model::Relation* Find(const model::Name& written);
  // The relation; when nothing is known of it a stub, which is added to the catalog: live,
  // incomplete, and a table.
  model::Relation& Resolve(Node range);
  model::Relation& Resolve(const model::Name& written);
  // True when the catalog is complete and has no such relation: a guarded statement does nothing.
  bool IsKnownMissing(const model::Name& written);

  // ---- Facts.

  // Says that `relation` is locked in `mode` to the end of the transaction, and what is done under
  // the lock. Several calls for one relation add up to the strongest.
  void Lock(const model::Relation& relation, LockMode mode, Work work = {});
  // The same for an index of `table`.
  void LockIndex(const model::Relation& table, absl::string_view index, LockMode mode,
                 Work work = {});
  // All indexes of a table.
  void LockIndexes(const model::Relation& table, LockMode mode, Work work = {});
  // The mode in which `relation` is said to be locked so far.
  LockMode LockOn(const model::Relation& relation) const;
  // For an object of another class, or one that is not in the catalog.
  void LockObject(ObjectClass object_class, const model::Name& name, LockMode mode, bool live,
                  Work work = {});
  // Says what happens to an object or a column of it. Decides which migrations conflict.
  void Touches(const model::Relation& relation, absl::string_view column, Effect effect);
  void TouchesObject(ObjectClass object_class, const model::Name& name, Effect effect,
                     bool live = true);

  // Makes the phase at least this one; of two contracts the first kind stays.
  void Strengthen(Phase phase, ContractKind kind = ContractKind::kNone);
  // The same, for what happens to `relation`: on a new one a contract hurts nobody and is an
  // expand.
  void StrengthenOn(const model::Relation& relation, Phase phase,
                    ContractKind kind = ContractKind::kNone);

  // ---- Findings. `at` is a node with a location, or absent for the whole statement. The message
  // is one sentence without a full stop. The reference is valid until the next call.

  Finding& Report(Rule rule, Node at, std::string message);
  // The same about `relation`; not reported (a dropped finding is returned) when it is new or
  // missing; on a small table a rule that scales is one level lower.
  Finding& ReportOn(const model::Relation& relation, Rule rule, Node at, std::string message);
  // No allow directive helps against it.
  Finding& Refuse(Rule rule, Node at, std::string message);

  // Analyses a statement inside of this one (WITH, EXPLAIN ANALYZE, CREATE SCHEMA, a DO block):
  // its facts and findings are this statement's.
  void Inside(Node statement);

  // Where a text inside of the statement begins. When it is not exact (the body of a function that
  // is called), all its findings point there.
  struct Origin {
    size_t offset = 0;
    bool exact = true;
    size_t base = 0;  // What places in its tree count from.
  };
  const Origin& origin() const { return origin_; }
  // Of `at` in the text of the statement.
  size_t OffsetOf(Node at) const;
  // The same as Inside for a statement that was parsed from such a text. While it is quiet only
  // refusals are reported.
  void InsideText(Node statement, Origin origin, bool quiet);
  // Returns false when the bodies of functions with this name were analysed for this statement
  // already.
  bool EnterFunction(const model::Name& name);

 private:
  Touch& TouchOf(ObjectClass object_class, const model::Name& name, absl::string_view column,
                 bool live);

  std::vector<Finding>& findings_;
  Finding dropped_;
  Origin origin_;
  bool quiet_ = false;
  std::set<model::Name> functions_;
  int depth_ = 0;
};

// "add column users.email": the object of a message.
std::string ColumnText(const model::Relation& relation, absl::string_view column);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTEXT_H_
