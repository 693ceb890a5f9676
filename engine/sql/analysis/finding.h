// One thing that a person should look at before a migration runs.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FINDING_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FINDING_H_

#include <cstddef>
#include <string>

#include "engine/sql/rules/rule.h"

namespace lockstep::sql {

struct Finding {
  Rule rule = Rule::kParseError;
  Severity severity = Severity::kError;  // The rule's, or lower on a small table.
  // Where, in bytes of the file; size 0: a point.
  size_t offset = 0;
  size_t size = 0;
  // Which statement, from 0; -1 for the file.
  int statement = -1;
  // One sentence without a full stop: what, on which object.
  std::string message;
  // What to do instead, as a step in SQL where there is one; "" when the rule's steps say it all.
  std::string hint;
  // The object: "app.users", "app.users.email"; "" for none.
  std::string object;
  // No allow directive helps.
  bool refusal = false;
  // The reason of the allow directive that covers it; "" when none does.
  std::string allowed;

  // Whether it stops publishing.
  bool Blocks() const {
    return refusal || (severity == Severity::kError && !InfoOf(rule).gate && allowed.empty());
  }
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FINDING_H_
