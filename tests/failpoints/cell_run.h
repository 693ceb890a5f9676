// One cell of the matrix, on real programs: three coordinators and two agents at a twentieth of the
// usual durations, a chain of 12 migrations, an upgrade that somebody follows. One failpoint is
// armed in all programs it is in. Whoever was killed is started again without it, whoever was
// stopped goes on after two TTLs of a lease. Nobody else helps.
//
// A cell passes when the failpoint acted, the command that follows the upgrade reports success,
// every gate opens, all programs end well when they are asked to, and the checkers find nothing.
#ifndef LOCKSTEP_TESTS_FAILPOINTS_CELL_RUN_H_
#define LOCKSTEP_TESTS_FAILPOINTS_CELL_RUN_H_

#include <string>
#include <vector>

#include "tests/failpoints/points.h"
#include "tests/support/postgres_server.h"

namespace lockstep::testing {

struct CellResult {
  double seconds = 0;  // From the start of the upgrade to its end.
  int hits = 0;        // How often the failpoint acted; the programs count for themselves.
  int runs = 0;        // Leases that were granted.
  int revoked = 0;     // Of those, taken back.
  std::vector<std::string> problems;  // Empty: it passed.
  std::string logs;                   // What the programs wrote.
};

CellResult RunCell(PostgresServer& server, const Cell& cell);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_FAILPOINTS_CELL_RUN_H_
