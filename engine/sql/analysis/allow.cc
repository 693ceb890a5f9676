#include <algorithm>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {
namespace {

Finding AboutDirective(Rule rule, const Allow& allow, std::string message) {
  return {.rule = rule,
          .severity = InfoOf(rule).severity,
          .offset = allow.offset,
          .message = std::move(message)};
}

// Covers the findings of its rule; returns whether there was one, refused or not.
bool Cover(Rule rule, const Allow& allow, std::vector<Finding>* findings) {
  bool used = false;
  for (Finding& finding : *findings) {
    if (finding.rule != rule) continue;
    used = true;
    if (!finding.refusal) finding.allowed = allow.reason;
  }
  return used;
}

}  // namespace

void ApplyAllows(std::span<const Allow> allows, std::vector<Finding>* findings) {
  std::vector<Finding> found;
  for (const Allow& allow : allows) {
    const std::optional<Rule> rule = FindRule(allow.rule);
    if (!rule.has_value()) {
      found.push_back(
          AboutDirective(Rule::kUnknownRule, allow, absl::StrCat("there is no rule ", allow.rule)));
    } else if (!Cover(*rule, allow, findings)) {
      found.push_back(AboutDirective(
          Rule::kUnusedAllow, allow,
          absl::StrCat("nothing in this file meets ", allow.rule, ", which it allows")));
    }
  }
  findings->insert(findings->end(), std::make_move_iterator(found.begin()),
                   std::make_move_iterator(found.end()));
}

}  // namespace lockstep::sql
