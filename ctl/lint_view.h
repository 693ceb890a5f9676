// A lint report for people and for programs. Pure functions.
#ifndef LOCKSTEP_CTL_LINT_VIEW_H_
#define LOCKSTEP_CTL_LINT_VIEW_H_

#include <string>

#include "ctl/lint_report.h"
#include "ctl/style.h"
#include "engine/sql/rules/rule.h"

namespace lockstep::ctl {

struct LintView {
  sql::Severity min_severity = sql::Severity::kWarning;  // Those below are only counted.
  bool allowed = false;                                  // Show what is allowed, too.
  int width = 0;                                         // 0: nothing is cut or wrapped.
};

// One paragraph a finding, with the line and a caret below it, and a last line that counts:
//
//   migrations/017_x.sql:3:13: error: MESSAGE [drop-column]
//       3 | ALTER TABLE users DROP COLUMN nick;
//         |             ^~~~~
//     hint: ...
std::string LintText(const LintReport& report, const LintView& view, const Style& style);

// {"findings": [...], "files": [...], ...}, indented; see docs/lint.md.
std::string LintJson(const LintReport& report);
// One finding a line.
std::string LintJsonLines(const LintReport& report);
// SARIF 2.1.0; what is allowed is suppressed.
std::string LintSarif(const LintReport& report, absl::string_view version);
// Workflow commands of GitHub Actions, one a finding.
std::string LintGithub(const LintReport& report, sql::Severity min_severity);

// All that is known of a rule: what it is about, why, and what to do instead.
std::string RuleText(const sql::RuleInfo& rule, const Style& style, int width);
std::string RuleJson(const sql::RuleInfo& rule);
// A line a rule, and the same as one JSON document.
std::string RulesText(const Style& style, int width);
std::string RulesJson();

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LINT_VIEW_H_
