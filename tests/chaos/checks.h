// What must hold in every snapshot of the database: a table of queries, each of which returns what
// violates its invariant, a line a violation.
//
// Why a failover that loses commits cannot make these queries lie: each one relates rows of one
// snapshot to each other (history, effects, sessions, chain), rows that were committed together. A
// promoted standby is a prefix of the commits of the old primary, so it has both sides of such a
// relation or neither. What relates snapshots to each other (numbers that only grow, rows that
// stay) starts again with each timeline: see observer.h.
#ifndef LOCKSTEP_TESTS_CHAOS_CHECKS_H_
#define LOCKSTEP_TESTS_CHAOS_CHECKS_H_

#include <span>
#include <string>

namespace lockstep::chaos {

enum class When {
  kAlways,  // In any snapshot.
  kAtRest,  // When all faults are healed, nothing is pending and no instance runs.
};

struct Check {
  const char* invariant;
  const char* what;
  When when;
  const char* sql;
};

// By invariant. Pins (I13) are among what a contract concerns.
std::span<const Check> Checks();

// Installed once, after the first coordinator made schema lockstep. Triggers that see what no later
// snapshot tells: with each event which login wrote it, who led, and of a contract that is applied
// how many sessions it concerned; and who is admitted while a contract keeps it out (I8, I9). An
// admission holds a key share on the chain's row, and whoever raises a barrier or puts a contract
// in flight changes a key of it, so what the trigger sees is what the admission was judged by.
extern const char kWitness[];

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_CHECKS_H_
