// The protocol's invariants as questions to the database: what must be true at every moment, and
// what must be true once nothing runs any more. For tests that break things and then look.
//
//   EXPECT_THAT(CheckInvariants(*connection), ElementsAre());        // at any time
//   EXPECT_THAT(CheckNothingIsLeft(*connection), ElementsAre());     // after everything ended
//
// Each violation is one line: the invariant's name, what it says, and whom it found. A question
// that cannot be asked is a violation too. Not checked here, because the database does not know it:
// that the effect of a migration is there (I2; the test knows what its migrations do) and that an
// instance that serves is registered (I10; the test knows who serves).
#ifndef LOCKSTEP_TESTS_SUPPORT_INVARIANT_CHECKS_H_
#define LOCKSTEP_TESTS_SUPPORT_INVARIANT_CHECKS_H_

#include <string>
#include <vector>

#include "engine/postgres/connection.h"

namespace lockstep::testing {

// In one snapshot, with no lock that anybody waits for; safe while the whole system runs. Needs the
// rights of the owner of schema lockstep, or a superuser's.
std::vector<std::string> CheckInvariants(postgres::Connection& connection);

// That nothing is under way and nothing was forgotten: no lease, no run in flight, no barrier, no
// active operation, no backend of a migration, advisory lock, prepared transaction, transaction
// that is idle or invalid index in this database. Includes CheckInvariants.
std::vector<std::string> CheckNothingIsLeft(postgres::Connection& connection);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_INVARIANT_CHECKS_H_
