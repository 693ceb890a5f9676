// The examples of rules, engine/sql/rules/examples/RULE.sql: sections that begin with a line
//   -- setup               what exists and is applied
//   -- bad                 the migration that the rule is about; it runs, and does harm
//   -- bad 23502           it fails with this SQLSTATE
//   -- bad not run: WHY    it is linted only
//   -- good                one migration a section, what to do instead
#ifndef LOCKSTEP_TESTS_RULES_EXAMPLE_H_
#define LOCKSTEP_TESTS_RULES_EXAMPLE_H_

#include <string>
#include <vector>

#include "engine/sql/rules/rule.h"

namespace lockstep::testing {

struct Example {
  std::string setup;
  std::string bad;
  std::string sqlstate;  // "" when it succeeds.
  std::string not_run;   // Why; "" when it is run.
  std::vector<std::string> good;
};

// Empty when there is no such file.
Example ReadExample(const sql::RuleInfo& rule);

// docs/rules/RULE.md.
std::string PageOf(const sql::RuleInfo& rule, const Example& example);
// docs/rules/README.md, which lists all rules.
std::string IndexOfRules();

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_RULES_EXAMPLE_H_
