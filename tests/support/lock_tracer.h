// What a statement does to the relations of a real server: which it locks and how strongly, whose
// storage it replaces, which it reads from end to end.
//
//   LockTracer tracer(db.conninfo());
//   std::vector<Trace> traces = tracer.Run({"SET search_path = lab"}, {"ALTER TABLE t ..."});
//
// Run executes in one transaction, looks before and after each statement, and rolls back, so
// nothing stays but what no rollback undoes (sequences). RunAlone is for what cannot run in a
// transaction block: a second session makes it wait and a third one looks while it does; it
// commits.
//
// Not seen: locks that a statement gives back before its end, those of a statement that the server
// refused, system catalogues, TOAST tables, and temporary relations. Scans are those of whole
// tables; building an index or checking a constraint counts as one.
#ifndef LOCKSTEP_TESTS_SUPPORT_LOCK_TRACER_H_
#define LOCKSTEP_TESTS_SUPPORT_LOCK_TRACER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/lock_mode.h"

namespace lockstep::testing {

// "AS", "RS", "RX", "SUE", "S", "SRE", "X", "AX"; "-" for none.
absl::string_view Abbreviation(sql::LockMode lock);

struct TracedRelation {
  std::string name;   // schema.name, as it was before the statement.
  char kind = 'r';    // pg_class.relkind.
  std::string table;  // Of an index: its table's name.
  // What the statement added to what was held before it.
  sql::LockMode lock = sql::LockMode::kNone;
  bool rewritten = false;  // New storage: a heap rewrite, or an index built again.
  int64_t scans = 0;       // Sequential scans begun; 0 for everything but tables.
};

struct Trace {
  // Those that existed before the first statement of the transaction and were touched, by name.
  std::vector<TracedRelation> relations;
  std::string sqlstate;  // Why the server refused; empty when it did not.
  std::string message;
  bool waited = false;  // RunAlone: whether it came to wait for the blocker.

  bool ok() const { return sqlstate.empty(); }
};

// Not thread-safe. Errors that no statement explains (no connection, no answer in time) end the
// test with an exception.
class LockTracer {
 public:
  // `prelude` is run in each session first, e.g. SET search_path.
  explicit LockTracer(std::string conninfo, std::vector<std::string> prelude = {});
  ~LockTracer();
  LockTracer(const LockTracer&) = delete;
  LockTracer& operator=(const LockTracer&) = delete;

  // Runs `settings`, then each of `statements`, in one transaction that is rolled back. One trace
  // per statement, up to the first that is refused, whose trace has a reason and no relations.
  std::vector<Trace> Run(const std::vector<std::string>& settings,
                         const std::vector<std::string>& statements);

  // Runs `statement` outside of a transaction while another session has run `blocker` and has not
  // committed. Once it waits for a lock (or has ended), the trace is what it holds and waits for;
  // then the blocker rolls back and the statement comes to its end.
  Trace RunAlone(const std::string& statement, const std::string& blocker);

 private:
  class Session;
  struct Relation;
  using Relations = std::map<uint32_t, Relation>;
  Relations Look(Session& session);
  static Trace Difference(const Relations& before, const Relations& after);

  const std::string conninfo_;
  const std::vector<std::string> prelude_;
  std::unique_ptr<Session> session_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_LOCK_TRACER_H_
