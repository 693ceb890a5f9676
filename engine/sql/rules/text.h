// Why a rule exists and what to do instead: the prose of the rule table, by subject. For rule.cc
// alone.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_TEXT_H_
#define LOCKSTEP_ENGINE_SQL_RULES_TEXT_H_

#include <array>

#include "absl/strings/string_view.h"

#include "engine/sql/rules/rule.h"

namespace lockstep::sql {

struct RuleText {
  Rule rule;
  absl::string_view reason;
  std::array<absl::string_view, 6> steps = {};  // Empty ones are none.
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_TEXT_H_
