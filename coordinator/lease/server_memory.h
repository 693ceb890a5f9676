// What one thread remembers of the database's counters, so that it notices when they go back: then
// PostgreSQL has lost commits. A promotion shows by the timeline (lockstep.same_server); an older
// copy of its files that was put back shows by nothing but this.
//
// Not guaranteed: that a restore is noticed by a process that started after it.
//
//   ServerMemory memory;
//   if (const std::string back = memory.Check(counters); !back.empty()) ...   // in reading order
//
// Not thread-safe: readings have to come in the order in which they were made.
#ifndef LOCKSTEP_COORDINATOR_LEASE_SERVER_MEMORY_H_
#define LOCKSTEP_COORDINATOR_LEASE_SERVER_MEMORY_H_

#include <cstdint>
#include <string>

namespace lockstep::coordinator {

// None of these ever goes down within an incarnation, and no incarnation comes again.
struct ServerCounters {
  int64_t incarnation = 0;
  int64_t revision = 0;
  // Of the leader's row; both 0 when it was not read.
  int64_t epoch = 0;
  int64_t renewals = 0;
};

class ServerMemory {
 public:
  // "" when `now` may follow what was seen, which is remembered then. Otherwise what went back, as
  // a sentence; that goes on until a higher incarnation begins.
  std::string Check(const ServerCounters& now);

  // The highest incarnation seen; 0 before the first.
  int64_t incarnation() const { return seen_.incarnation; }

 private:
  ServerCounters seen_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_LEASE_SERVER_MEMORY_H_
