// Rules about a file as a whole, from the facts of its statements. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_

#include <vector>

#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/analysis/marks.h"

namespace lockstep::sql {

// text_rules.cc. What stands in the bytes, before anything is parsed: psql's commands and
// variables, identifiers of more than 63 bytes.
void CheckText(const FileInput& input, FileAnalysis* analysis);

// stand_in.cc. A rename breaks nobody when a view takes the old name in the same transaction.
void AcceptStandIns(const FileInput& input, const model::Database& after, FileAnalysis* analysis);

// parts.cc. Cuts what runs into parts.
std::vector<Part> PartsOf(const FileInput& input, const FileAnalysis& analysis);

// What the rules of a file look at: `marks` has an entry for each statement, `after` is the
// database when all have run.
struct FileView {
  const FileInput& input;
  const std::vector<Marks>& marks;
  const model::Database& after;
  FileAnalysis& analysis;

  // Adds a finding about statement `index`, `offset` bytes into it.
  Finding& Report(Rule rule, size_t index, std::string message, size_t offset = 0) const;
};

// file_rules.cc. Everything that takes more than one statement to see.
void CheckFile(const FileView& view);

// lock_rules.cc. Locks that one statement of a transaction takes and later ones keep.
void CheckLocks(const FileView& view, const Part& part);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FILE_RULES_H_
