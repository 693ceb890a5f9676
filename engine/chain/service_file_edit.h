// Changing one line of a service's lockstep.yaml, and nothing else in it.
#ifndef LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_EDIT_H_
#define LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_EDIT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"

namespace lockstep::chain {

// Returns `text` with `adapted_to: version`: the value replaced where the key is there, else a line
// after `needs` or `service`. Comments, order, line endings and blanks stay. `file` is for errors:
// those of ParseServiceFile; FAILED_PRECONDITION (ADAPTED_ALREADY) when the file says more than
// `version` already; FAILED_PRECONDITION (EDIT_BY_HAND) when the file is written in a way in which
// one line cannot be changed alone.
absl::StatusOr<std::string> WithAdaptedTo(absl::string_view file, absl::string_view text,
                                          Version version);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_EDIT_H_
