// Lints service files: what they say the service uses, against what the migrations make.
#ifndef LOCKSTEP_CTL_SERVICE_LINT_H_
#define LOCKSTEP_CTL_SERVICE_LINT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

#include "ctl/lint_report.h"
#include "engine/chain/lint_file.h"

namespace lockstep::ctl {

// services/NAME/lockstep.yaml beside the migrations directory.
std::vector<std::string> ServiceFilesBeside(const std::string& migrations);

// Adds findings about `files` to the report. A file that cannot be read as one is a finding; fails
// when it, or the migrations directory, cannot be read at all.
absl::Status LintServiceFiles(const std::string& migrations, const std::vector<std::string>& files,
                              const chain::LintSettings& settings, LintReport* report);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SERVICE_LINT_H_
