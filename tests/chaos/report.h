// The end of a run: what happened how often, and whether it counts.
#ifndef LOCKSTEP_TESTS_CHAOS_REPORT_H_
#define LOCKSTEP_TESTS_CHAOS_REPORT_H_

#include <string>
#include <vector>

#include "tests/chaos/faults/fault.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/options.h"

namespace lockstep::chaos {

struct Report {
  std::string text;
  std::string json;
  bool green = false;
};

// Green: no violation, every armed kind of fault happened, and so did what Required() lists.
Report MakeReport(const Options& options, const std::vector<Fault>& armed, const Journal& journal);

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_REPORT_H_
