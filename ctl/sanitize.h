// Text from outside (titles, instance names, reasons, PostgreSQL's messages) on its way to a
// terminal. Whoever may register an instance could otherwise move an operator's cursor, recolour
// the screen or turn text around. Also what such text measures on the screen, so that columns
// align.
//
// Pure functions, safe to call from any thread.
#ifndef LOCKSTEP_CTL_SANITIZE_H_
#define LOCKSTEP_CTL_SANITIZE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::ctl {

// Returns `text` as one line: control characters (C0, DEL, C1), line breaks, invisible and
// bidirectional marks and bytes that are not UTF-8 become visible escapes: \n, \x1b, \u202e, \xff.
// The result is valid UTF-8. Idempotent.
std::string Sanitize(absl::string_view text);

// The same, but keeps line feeds and tabs: for SQL and other text of several lines.
std::string SanitizeText(absl::string_view text);

// Returns how many columns a terminal uses for `text`, which must be sanitized: East Asian wide
// characters and emoji count two, combining marks none.
int DisplayWidth(absl::string_view text);

// Returns `text` when it fits into `width` columns, else as much of it as fits before a "…". A
// width of 0 or less gives "". `text` must be sanitized.
std::string Truncate(absl::string_view text, int width);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SANITIZE_H_
