// One round of `lockstep dev`: from what the files say to what the private database has.
#ifndef LOCKSTEP_CTL_DEV_ROUND_H_
#define LOCKSTEP_CTL_DEV_ROUND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "ctl/context.h"
#include "ctl/dev/database.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {

struct DevRound {
  chain::Version applied = 0;
  chain::Version head = 0;
  int ran = 0;  // Migrations that this round ran.
  absl::Duration took;
  std::vector<int32_t> contracts_waiting;  // A live service still needs what they remove.
};

// Reads `directory`, rewrites its chain.sum when it is out of date, takes back published versions
// that were edited and have not run, publishes what is new and runs it, contracts included unless
// a live service is in their way. Does nothing where there is nothing to do.
//
// Fails with what LoadLocalChain and dev::FindDrift return, and as `publish` and `upgrade` do. What
// was committed before the failure stays; the next round goes on from there.
absl::StatusOr<DevRound> RunDevRound(Context& context, dev::Database& database,
                                     const std::string& directory);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DEV_ROUND_H_
