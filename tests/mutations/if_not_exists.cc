// engine/apply/inspect.cc as it would be if it did what IF NOT EXISTS does: something has the name,
// so it is there. Linked in its place.
#include "engine/apply/inspect.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {

absl::StatusOr<Evidence> Inspect(postgres::ScriptSession& session, const Step& step, Moment) {
  ASSIGN_OR_RETURN(const auto result,
                   session.Execute("SELECT pg_catalog.to_regclass($1) IS NOT NULL",
                                   {postgres::Param(step.index)}));
  return Evidence{.verdict = result.only().Bool(0) ? Verdict::kDone : Verdict::kRun};
}

}  // namespace lockstep::apply
