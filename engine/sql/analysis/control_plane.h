// lockstep's own schema: the history of migrations and the fence stand in there, and nothing that a
// migration does may name it. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTROL_PLANE_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTROL_PLANE_H_

#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/context.h"
#include "engine/sql/analysis/finding.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Refuses a parsed statement that names schema lockstep: an object in it, the schema itself,
// search_path, a name as text ('lockstep.x'::regclass), the body of a function or DO block.
void CheckControlPlane(Node statement, StatementContext& context);

// The same for a text that cannot be parsed.
void CheckControlPlaneText(absl::string_view text, std::vector<Finding>* findings);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_CONTROL_PLANE_H_
