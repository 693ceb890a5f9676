// engine/apply/outcome.cc as it would be if a lost COMMIT were taken for one that did not happen.
// Linked in its place.
#include "engine/apply/outcome.h"

namespace lockstep::apply {

CommitOutcome ResolveCommit(const MigrationSessionOptions&, const LeaseToken&, chain::Version,
                            const std::string&, const Cancellation&, absl::Duration) {
  return CommitOutcome::kNotApplied;
}

}  // namespace lockstep::apply
