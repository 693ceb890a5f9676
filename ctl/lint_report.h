// What lint has found in migrations, ready to be shown: places as lines and columns, refusals of
// files beside findings in statements. Pure values; lint.h makes them, lint_view.h shows them.
#ifndef LOCKSTEP_CTL_LINT_REPORT_H_
#define LOCKSTEP_CTL_LINT_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "engine/chain/chain.h"
#include "engine/chain/migration.h"
#include "engine/sql/analysis/analyzer.h"

namespace lockstep::ctl {

struct LintFinding {
  std::string rule;  // Its id; for a file that cannot be read "bad-directive" and the like.
  sql::Severity severity = sql::Severity::kError;
  std::string file;
  int line = 1;         // 1-based.
  int column = 1;       // 1-based, in characters.
  int characters = 1;   // How many are meant, within the line.
  std::string excerpt;  // That line.
  std::string message;
  std::string hint;
  std::string object;
  int statement = -1;   // Which one, from 0; -1 for the file.
  std::string allowed;  // The reason of the directive that allows it.
  bool gate = false;    // The interlock's business: never blocks publishing.
  bool refusal = false;
  bool blocks = false;
};

struct LintedFile {
  std::string file;
  chain::Version version = 0;
  std::vector<int> lines;  // Of its statements.
  sql::FileAnalysis analysis;
};

struct LintReport {
  std::vector<LintFinding> findings;  // By file and place.
  std::vector<LintedFile> files;
  std::vector<std::string> backfills;  // Files of those that were looked at.
  std::vector<std::string> notes;      // What was not looked at, and why.
  // What was judged against: the version that exists, the server's major version, a live catalog.
  chain::Version applied = 0;
  int postgres = 0;
  bool catalog = false;
};

// Adds what is found in a backfill. Nothing of it stops publishing.
void AddToReport(const chain::Backfill& job, const std::vector<sql::Finding>& findings,
                 LintReport* report);

// Adds what the analysis says of `migration`.
void AddToReport(const chain::Migration& migration, sql::FileAnalysis analysis, LintReport* report);

// Adds why a file, or a chain, cannot be read. `text` is the file's, "" when it is not at hand.
void AddToReport(const absl::Status& refused, absl::string_view text, LintReport* report);

// How much is wrong, for exit codes: what is allowed does not count, and what only waits for the
// fleet is no more than a warning. Absent when nothing is.
std::optional<sql::Severity> WorstOf(const LintReport& report);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LINT_REPORT_H_
