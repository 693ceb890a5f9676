// An attack a rule: what happens where the rule is missing. Each stops real transactions between
// two statements, on a database of its own.
#ifndef LOCKSTEP_TESTS_MUTATIONS_ATTACKS_H_
#define LOCKSTEP_TESTS_MUTATIONS_ATTACKS_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/catalog/lockstep_database.h"

namespace lockstep::testing {

struct Attack {
  std::string mutation;  // Of tests/mutations/mutation.h.
  std::string story;     // What it does, in one sentence.
  // Returns what it achieved; empty when the rule held.
  std::function<std::string(LockstepDatabase&)> run;
};

// One for each mutation.
const std::vector<Attack>& Attacks();

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_MUTATIONS_ATTACKS_H_
