// Compares the indexes of a table with what a CREATE INDEX CONCURRENTLY would make, in the server's
// own words. Internal to engine/apply.
#ifndef LOCKSTEP_ENGINE_APPLY_TWIN_H_
#define LOCKSTEP_ENGINE_APPLY_TWIN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "engine/apply/step.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct ComparedIndex {
  std::string name;         // Quoted, with schema.
  std::string bare_name;    // As stored.
  bool usable = false;      // Valid, ready and live.
  bool same = false;        // Defined as the step asks for.
  bool constraint = false;  // It belongs to a constraint.
};

// Every index of the table of `step`, a kCreateIndex. Makes an empty temporary table like it and
// rolls that back. Fails as the server does: without the right to make temporary tables, without
// the table, for a definition that it refuses.
absl::StatusOr<std::vector<ComparedIndex>> CompareIndexes(postgres::ScriptSession& session,
                                                          const Step& step);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_TWIN_H_
