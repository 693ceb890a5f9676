#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {

// A file that says `transaction none` gets what it asks for: each statement by itself. Otherwise
// only what must stand alone does, and everything between two such statements shares a transaction.
std::vector<Part> PartsOf(const FileInput& input, const FileAnalysis& analysis) {
  std::vector<Part> parts;
  for (size_t i = 0; i < analysis.statements.size(); ++i) {
    const StatementFacts& facts = analysis.statements[i];
    const bool alone = input.transaction_none || facts.non_transactional;
    if (!alone && !parts.empty() && parts.back().transactional) {
      parts.back().last = i;
    } else {
      parts.push_back({.first = i, .last = i, .transactional = !alone});
    }
  }
  return parts;
}

}  // namespace lockstep::sql
