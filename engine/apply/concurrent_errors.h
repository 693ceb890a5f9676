// Why a statement outside of a transaction does not go on, with what a person can do.
#ifndef LOCKSTEP_ENGINE_APPLY_CONCURRENT_ERRORS_H_
#define LOCKSTEP_ENGINE_APPLY_CONCURRENT_ERRORS_H_

#include "absl/status/status.h"

#include "engine/apply/inspect.h"
#include "engine/apply/step.h"
#include "engine/chain/migration.h"

namespace lockstep::apply {

// FAILED_PRECONDITION (INDEX_DIFFERS): something else has the name.
absl::Status DiffersError(const Evidence& evidence);
// FAILED_PRECONDITION (STATEMENT_IN_DOUBT): it was begun, and the catalog cannot tell its outcome.
absl::Status InDoubtError(chain::Version version, const Step& step);
// INTERNAL (NOT_VERIFIED): the server said done, and the catalog does not.
absl::Status NotVerifiedError(const Step& step);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_CONCURRENT_ERRORS_H_
