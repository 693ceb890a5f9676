// What the rules of a whole file need to know of each statement beside its facts, read from its
// tree. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_MARKS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_MARKS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

struct Marks {
  // Relation and constraint, as written.
  using NamedConstraint = std::pair<model::Name, std::string>;
  std::vector<NamedConstraint> added_not_valid;
  std::vector<NamedConstraint> validated;
  // Foreign keys that the statement adds: the table and its referencing columns.
  struct ForeignKey {
    model::Name table;
    std::vector<std::string> columns;
    size_t offset = 0;  // In the text that was parsed.
  };
  std::vector<ForeignKey> foreign_keys;
  // Labels that ALTER TYPE ... ADD VALUE adds.
  std::vector<std::string> new_labels;
  // The table of an ALTER TABLE; no name for other statements.
  model::Name altered;
  // A CREATE, DROP or ALTER that could have a guard, and has none: a second run of it fails.
  bool unguarded = false;
};

Marks MarksOf(Node statement);

// Every string constant of a statement with its place in bytes in the text that was parsed: one of
// them may be a new label.
std::vector<std::pair<std::string, size_t>> StringsIn(Node statement);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_MARKS_H_
