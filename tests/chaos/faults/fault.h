// The kinds of faults: a table. A fault hits somebody and puts on the agenda what ends it.
#ifndef LOCKSTEP_TESTS_CHAOS_FAULTS_FAULT_H_
#define LOCKSTEP_TESTS_CHAOS_FAULTS_FAULT_H_

#include <string>
#include <vector>

#include "tests/chaos/world.h"

namespace lockstep::chaos {

struct Fault {
  const char* kind;
  const char* what;
  // Returns what was hit, for the journal; "" when there was nobody to hit just now, which does not
  // count. May say so later by journal.Fault itself and return kTold.
  std::string (*hit)(World&);
  bool alone = false;  // Only when all earlier faults are healed: it needs a server in order.
};

// The fault counts itself, when it sees that it struck.
inline constexpr char kTold[] = "-";

const std::vector<Fault>& Faults();

// One file each.
std::vector<Fault> ProcessFaults();
std::vector<Fault> ServerFaults();
std::vector<Fault> NetworkFaults();
std::vector<Fault> DatabaseFaults();

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_FAULTS_FAULT_H_
