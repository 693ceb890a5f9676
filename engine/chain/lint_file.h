// lint.yaml beside the migrations: how strict a project wants to be.
//
//   fail-on: warning          # error (default), warning, info or never
//   postgres: 16              # The server's major version, where no database is asked (default 15)
//   rules:
//     prefer-text: off        # off, info, warning or error
//     create-trigger: error
#ifndef LOCKSTEP_ENGINE_CHAIN_LINT_FILE_H_
#define LOCKSTEP_ENGINE_CHAIN_LINT_FILE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/rules/rule.h"

namespace lockstep::chain {

inline constexpr char kLintFile[] = "lint.yaml";
inline constexpr int kMinPostgres = 13;
inline constexpr int kMaxPostgres = 18;
inline constexpr int kDefaultPostgres = 15;

struct LintSettings {
  // From which severity on findings are a failure; absent: never.
  std::optional<sql::Severity> fail_on = sql::Severity::kError;
  int postgres = kDefaultPostgres;
  // Another severity than the rule's own; absent: off.
  std::map<sql::Rule, std::optional<sql::Severity>> rules;
};

// "error", "warning", "info" or "never". Returns false for anything else.
bool ParseFailOn(absl::string_view text, std::optional<sql::Severity>* fail_on);

// INVALID_ARGUMENT (BAD_LINT_FILE) with file, line and column for broken YAML, an unknown key or
// rule, a key given twice, or a value it cannot have.
absl::StatusOr<LintSettings> ParseLintFile(absl::string_view file, absl::string_view text);

// Of `directory`/lint.yaml; the defaults when there is none.
absl::StatusOr<LintSettings> LoadLintSettings(const std::string& directory);

// That of a rule in this project; absent: off.
std::optional<sql::Severity> SeverityOf(const LintSettings& settings, sql::Rule rule);

// Drops findings of rules that are off and gives the others their severity. What no directive can
// allow stays as it is.
void ApplySettings(const LintSettings& settings, std::vector<sql::Finding>* findings);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_LINT_FILE_H_
