// What the analysis says of a statement against what a server did.
#ifndef LOCKSTEP_TESTS_TRUTH_CLAIMS_H_
#define LOCKSTEP_TESTS_TRUTH_CLAIMS_H_

#include <string>
#include <vector>

#include "engine/sql/analysis/analyzer.h"
#include "tests/support/lock_tracer.h"
#include "tests/truth/forms.h"

namespace lockstep::truth {

// A claim that was not what happened.
struct Disagreement {
  std::string relation;  // "lab.t".
  std::string what;      // "lock", "rewrite" (also an index that is built again) or "scan".
  std::string claimed;   // "AX", "yes".
  std::string observed;
};

// "lab.t: lock S claimed, AX observed"
std::string Text(const Disagreement& disagreement);

// Analyses the statements of `form`, its settings before them, as a file against `database`, and
// returns the facts of the statements.
sql::FileAnalysis Claims(const Form& form, const sql::model::Database& database);
// Those of statement `index` of the form: the settings come first.
const sql::StatementFacts& FactsOf(const Form& form, const sql::FileAnalysis& analysis,
                                   size_t index);

// Where less was claimed than happened. An index that a query or a data statement opens is locked
// as its table is, up to ROW EXCLUSIVE, and that need not be claimed.
std::vector<Disagreement> Weaker(const sql::StatementFacts& facts, const testing::Trace& trace);
// Where more was claimed of live objects than happened. ACCESS SHARE is never too much: what a
// statement only looks up is locked by some minor versions and not by others.
std::vector<Disagreement> Stronger(const sql::StatementFacts& facts, const testing::Trace& trace);

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_CLAIMS_H_
