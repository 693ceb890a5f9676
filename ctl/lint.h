// Lints a migrations directory: reads its files, works out what exists already, analyses the rest.
#ifndef LOCKSTEP_CTL_LINT_H_
#define LOCKSTEP_CTL_LINT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "ctl/lint_report.h"
#include "engine/chain/lint_file.h"

namespace lockstep::ctl {

struct LintOptions {
  std::string directory;
  // Those that are judged, migrations or backfills; empty: all that are not applied, and all
  // backfills that were not started. One that is none of the directory's chain is judged as a
  // migration by itself, against a database of which nothing is known.
  std::vector<std::string> files;
  // The live catalog that they are judged against; "": what the chain's earlier files make.
  std::string database;
  // Versions up to here exist. Absent: what the database says, else those before the first file.
  std::optional<chain::Version> applied;
  chain::LintSettings settings;
};

// Files that cannot be read are findings. Fails when the directory or the database cannot be used,
// and PERMISSION_DENIED (PERMISSION) when the role may not read which versions are applied.
// Blocks on files and some queries.
absl::StatusOr<LintReport> Lint(const LintOptions& options);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LINT_H_
