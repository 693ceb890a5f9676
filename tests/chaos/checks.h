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

// By invariant. Barriers (I8), pins (I13) and overrides (I14) get their rows with the product's.
std::span<const Check> Checks();

// Installed once, after the first coordinator made schema lockstep: keeps with each event which
// login wrote it, and of a contract that is applied how many sessions it concerned.
extern const char kWitness[];

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_CHECKS_H_
