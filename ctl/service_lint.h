// Lints service files: what they say the service uses, against what the migrations make.
#ifndef LOCKSTEP_CTL_SERVICE_LINT_H_
#define LOCKSTEP_CTL_SERVICE_LINT_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "ctl/lint_report.h"
#include "engine/chain/lint_file.h"
#include "engine/sql/rules/rule.h"

namespace lockstep::ctl {

// The rules of service files.
std::span<const sql::RuleInfo> ServiceRules();
// What there is to know of a rule of service files ("unknown-use"); absent when it is none.
std::optional<sql::RuleInfo> FindServiceRule(absl::string_view id);

// services/NAME/lockstep.yaml beside the migrations directory.
std::vector<std::string> ServiceFilesBeside(const std::string& migrations);

// Adds findings about `files` to the report. A file that cannot be read as one is a finding; fails
// when it, or the migrations directory, cannot be read at all.
absl::Status LintServiceFiles(const std::string& migrations, const std::vector<std::string>& files,
                              const chain::LintSettings& settings, LintReport* report);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SERVICE_LINT_H_
