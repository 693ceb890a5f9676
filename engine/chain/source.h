// The text of a file together with its name, so that an error can say where it is. Internal to
// engine/chain.
#ifndef LOCKSTEP_ENGINE_CHAIN_SOURCE_H_
#define LOCKSTEP_ENGINE_CHAIN_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::chain {

struct Source {
  std::string file;
  std::string text;  // Normalised UTF-8 without NUL bytes.
};

// Checks and normalises. INVALID_ARGUMENT: FILE_TOO_LARGE; NOT_UTF8 with the first bad line, also
// for a NUL byte, which PostgreSQL's texts cannot hold.
absl::StatusOr<Source> ReadSource(absl::string_view file, absl::string_view bytes,
                                  int64_t max_bytes);

// INVALID_ARGUMENT `reason` at byte `offset`: "FILE:LINE:COLUMN: MESSAGE", with file, line and
// column in the metadata.
absl::Status ErrorAt(const Source& source, size_t offset, absl::string_view reason,
                     absl::string_view message, absl::string_view hint = "");

// The same for the 1-based `line` of `file` as a whole, and for a file as a whole.
absl::Status ErrorInLine(absl::string_view file, int line, absl::string_view reason,
                         absl::string_view message, absl::string_view hint = "");
absl::Status ErrorInFile(absl::string_view file, absl::string_view reason,
                         absl::string_view message, absl::string_view hint = "");

absl::Status FileTooLarge(absl::string_view file, int64_t max_bytes);

// What follows the last slash.
absl::string_view BaseName(absl::string_view path);

// One or more of [a-z0-9_]: titles of migrations, names of backfills.
bool IsSnakeCase(absl::string_view text);

// Up to `max_parts` identifiers with dots between, each plain (letters, digits, _, $, no digit
// first) or in double quotes: "users", "app.users", "users.\"e-mail\"".
bool IsDottedName(absl::string_view text, int max_parts);

// Decimal digits only, without a sign, between `low` and `high`.
bool ParseNumber(absl::string_view text, int low, int high, int* value);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_SOURCE_H_
