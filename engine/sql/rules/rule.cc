#include "engine/sql/rules/rule.h"

#include <array>
#include <cstddef>
#include <iterator>

#include "engine/sql/rules/column_texts.h"
#include "engine/sql/rules/constraint_texts.h"
#include "engine/sql/rules/file_texts.h"
#include "engine/sql/rules/object_texts.h"
#include "engine/sql/rules/rows.h"
#include "engine/sql/rules/session_texts.h"
#include "engine/sql/rules/table_texts.h"

namespace lockstep::sql {
namespace {

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kRuleRows); ++i) {
    if (static_cast<size_t>(kRuleRows[i].rule) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "one row for each rule, in the order of the enum");

using Rules = std::array<RuleInfo, std::size(kRuleRows)>;

constexpr void Join(std::span<const RuleText> texts, Rules* rules) {
  for (const RuleText& text : texts) {
    RuleInfo& info = (*rules)[static_cast<size_t>(text.rule)];
    size_t steps = 0;
    while (steps < text.steps.size() && !text.steps[steps].empty()) ++steps;
    info.reason = text.reason;
    info.steps = std::span(text.steps.data(), steps);
  }
}

// Rows and texts.
constexpr Rules Joined() {
  Rules rules = {};
  for (size_t i = 0; i < rules.size(); ++i) rules[i] = kRuleRows[i];
  Join(kColumnTexts, &rules);
  Join(kConstraintTexts, &rules);
  Join(kTableTexts, &rules);
  Join(kObjectTexts, &rules);
  Join(kSessionTexts, &rules);
  Join(kFileTexts, &rules);
  return rules;
}
constexpr Rules kRules = Joined();

constexpr bool AllHaveReasons() {
  for (const RuleInfo& info : kRules) {
    if (info.reason.empty()) return false;
    if (info.severity == Severity::kError && info.steps.empty()) return false;
  }
  return true;
}
static_assert(AllHaveReasons(), "a text for each rule, with steps for each error");

constexpr std::array<absl::string_view, 3> kSeverities = {"info", "warning", "error"};

}  // namespace

absl::string_view SeverityName(Severity severity) {
  return kSeverities[static_cast<size_t>(severity)];
}

std::optional<Severity> ParseSeverity(absl::string_view name) {
  for (size_t i = 0; i < kSeverities.size(); ++i) {
    if (kSeverities[i] == name) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

const RuleInfo& InfoOf(Rule rule) { return kRules[static_cast<size_t>(rule)]; }

std::optional<Rule> FindRule(absl::string_view id) {
  for (const RuleInfo& info : kRules) {
    if (info.id == id) return info.rule;
  }
  return std::nullopt;
}

std::span<const RuleInfo> AllRules() { return kRules; }

}  // namespace lockstep::sql
