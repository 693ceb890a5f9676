// PostgreSQL with a streaming standby, and the network in front of them: everybody reaches the
// primary through a link of the proxy, also the standby, and a failover points the links at the
// standby that was promoted.
//
//   PostgresPair postgres(&proxy, directory);
//   Link* wire = postgres.NewClientLink("agent-1");
//   postgres.Start();
//   ... postgres.ConninfoOf(*wire, "migrator") ...
//   postgres.Failover(Milliseconds(500));   // what was committed in the last 500 ms is lost
//   postgres.MakeStandby();
//
// Replication is asynchronous, so commits can be lost. The old primary is dead before the standby
// is promoted, and never comes back: there is no split brain.
//
// Of one thread, but for conninfos and failovers().
#ifndef LOCKSTEP_TESTS_CHAOS_POSTGRES_PAIR_H_
#define LOCKSTEP_TESTS_CHAOS_POSTGRES_PAIR_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "tests/chaos/proxy.h"
#include "tests/support/postgres_server.h"

namespace lockstep::chaos {

inline constexpr char kDatabase[] = "chaos";

class PostgresPair {
 public:
  // Logs, and the files that fill the disk and move the clock, go into `directory`.
  PostgresPair(Proxy* proxy, std::string directory);

  // A link to the primary, whichever that is.
  Link* NewClientLink(const std::string& name);
  static std::string ConninfoOf(const Link& link, absl::string_view user,
                                absl::string_view database = kDatabase);

  // Starts the primary, makes the database; the standby comes with MakeStandby.
  absl::Status Start();
  absl::Status MakeStandby();
  bool has_standby() { return standby_ != nullptr && standby_->running(); }

  // Withholds the log from the standby for `withhold`, kills the primary, promotes the standby,
  // moves the address. FAILED_PRECONDITION when the standby does not follow.
  absl::Status Failover(absl::Duration withhold);
  // How often the address moved; grows before anything of the old primary is touched.
  int failovers() const { return failovers_; }

  testing::PostgresServer& primary() { return *primary_; }
  // The postmasters that this process started and has not waited for.
  std::vector<pid_t> pids() const;
  // To the primary itself, past the network.
  std::string DirectConninfo(absl::string_view user = "postgres") const;

  // While full, tables and indexes of the primary cannot grow; the standby has a disk of its own.
  void SetDiskFull(bool full);
  // Moves the clock of the server by so many seconds; the network's peers keep theirs.
  void SetClock(int64_t seconds);

  std::vector<std::string> logs() const { return logs_; }

 private:
  testing::PostgresServerOptions Options();
  std::string DiskFlagOf(size_t server) const;
  void RetargetClients();

  Proxy* const proxy_;
  const std::string directory_;
  Link* const replication_;
  std::vector<Link*> clients_;
  std::atomic<int> failovers_ = 0;
  std::vector<std::string> logs_;  // One for each server that was made.
  size_t primary_number_ = 0;      // From 1, by its log.
  std::unique_ptr<testing::PostgresServer> primary_;
  std::unique_ptr<testing::PostgresServer> standby_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_POSTGRES_PAIR_H_
