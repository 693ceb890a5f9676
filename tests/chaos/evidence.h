// What the logs of a run tell: that the dangerous situations did come about, and that nobody
// crashed.
#ifndef LOCKSTEP_TESTS_CHAOS_EVIDENCE_H_
#define LOCKSTEP_TESTS_CHAOS_EVIDENCE_H_

#include <string>
#include <vector>

#include "tests/chaos/journal.h"

namespace lockstep::chaos {

// Reads what canaries told into the journal: their violations, and how often one was excused.
void ReadCanaries(const std::string& directory, Journal* journal);

// Counts, in logs of servers and of lockstep's processes, what is named in Required().
void ReadLogs(const std::string& directory, const std::vector<std::string>& server_logs,
              Journal* journal);

struct Requirement {
  const char* count;  // Of the journal.
  const char* fault;  // Asked for only when this kind was armed.
  const char* why;
};

// Without these a run proves nothing.
const std::vector<Requirement>& Required();

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_EVIDENCE_H_
