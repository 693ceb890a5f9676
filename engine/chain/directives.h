// `-- lockstep:NAME VALUE` comments. Internal to engine/chain.
#ifndef LOCKSTEP_ENGINE_CHAIN_DIRECTIVES_H_
#define LOCKSTEP_ENGINE_CHAIN_DIRECTIVES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"
#include "engine/chain/source.h"
#include "engine/sql/tokens.h"

namespace lockstep::chain {

// Begins a section of a backfill, and stands where that begins.
inline constexpr absl::string_view kSectionDirective = "section";

// One such comment, read but not judged.
struct DirectiveLine {
  std::string name;
  std::string value;  // Without the blanks around it.
  size_t offset;      // Of the comment's first byte.
  bool at_top;        // Nothing but comments before it.
  bool is_line;       // A `--` comment; false for /* lockstep:... */, which is an error.
};

// All of them, in order. Only whole comments count: not what stands inside of strings and dollar
// quotes, nor in the middle of another comment.
std::vector<DirectiveLine> FindDirectives(absl::string_view text,
                                          const std::vector<sql::Token>& tokens);

// The directives of a migration. INVALID_ARGUMENT: UNKNOWN_DIRECTIVE; BAD_DIRECTIVE for a bad or
// repeated value, and for one below the first statement.
absl::StatusOr<Directives> ParseDirectives(const Source& source,
                                           const std::vector<DirectiveLine>& lines,
                                           Version version);

// The value of `allow`, in migrations and backfills: a rule and a reason.
absl::Status ParseAllow(const Source& source, const DirectiveLine& line,
                        std::vector<Directives::Allow>* allow);

// The section of a backfill that byte `offset` is in: "batch" without a line that says another.
absl::string_view SectionAt(const std::vector<DirectiveLine>& lines, size_t offset);

// BAD_DIRECTIVE unless `line` is a `--` comment that keeps to the top of its file.
absl::Status CheckPlace(const Source& source, const DirectiveLine& line);
absl::Status BadDirective(const Source& source, const DirectiveLine& line,
                          absl::string_view message);
absl::Status UnknownDirective(const Source& source, const DirectiveLine& line,
                              absl::string_view known);

// Whole milliseconds from 1 ms to 24 h, in Go's notation ("500ms", "2s", "1m30s").
bool ParseWait(absl::string_view text, absl::Duration* wait);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_DIRECTIVES_H_
