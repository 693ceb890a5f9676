// A service's own lockstep.yaml: what the build declares of itself.
//
//   service: simulation-engine   # required; [a-z0-9-], 1 to 63 characters
//   needs: 16                    # optional; default: newest expand or data migration <= built_for
//   adapted_to: 12               # optional; default 0
//   uses:                        # optional; tables and columns that the service touches
//     - users
//     - journey_runs.status
//   on_session_loss: keep        # optional; keep (default) or stop
#ifndef LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_H_
#define LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"

namespace lockstep::chain {

enum class OnSessionLoss { kKeep, kStop };

struct ServiceFile {
  std::string service;
  std::optional<Version> needs;
  Version adapted_to = 0;
  bool uses_declared = false;
  std::vector<std::string> uses;  // "table" or "table.column", also schema-qualified.
  OnSessionLoss on_session_loss = OnSessionLoss::kKeep;
};

inline constexpr int kMaxServiceFileBytes = 64 << 10;

// INVALID_ARGUMENT (BAD_SERVICE_FILE) with file, line and column for broken YAML, an unknown or
// repeated key, a value of the wrong kind or out of range, a missing `service`. An empty list of
// `uses` is a declaration, too: the service touches nothing.
absl::StatusOr<ServiceFile> ParseServiceFile(absl::string_view file, absl::string_view text);
// Also NOT_FOUND.
absl::StatusOr<ServiceFile> LoadServiceFile(const std::string& path);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_SERVICE_FILE_H_
