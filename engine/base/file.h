// Reading and writing whole small files.
#ifndef LOCKSTEP_ENGINE_BASE_FILE_H_
#define LOCKSTEP_ENGINE_BASE_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::base {

// Returns the bytes of the file. NOT_FOUND when there is none; RESOURCE_EXHAUSTED when it is larger
// than `max_bytes`; PERMISSION_DENIED; INVALID_ARGUMENT for a directory; UNAVAILABLE for other
// failures of the system. The message names the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes);

// Writes `bytes` to a temporary file beside `path`, syncs it and renames it over `path`: a reader
// sees the old content or the new, and a full disk leaves the old one. Of several
// writers at once, one wins. RESOURCE_EXHAUSTED when the disk is full, PERMISSION_DENIED, else
// UNAVAILABLE.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode = 0644);

// Writes a file that must not be there yet; ALREADY_EXISTS when it is, and then it is left alone.
// Fails besides as WriteFileAtomically does, and leaves nothing behind. Readers may see a part.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes, int mode = 0644);

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_FILE_H_
