// What a fault has in hand: everybody it can hit, dice, and an agenda for what ends it.
#ifndef LOCKSTEP_TESTS_CHAOS_WORLD_H_
#define LOCKSTEP_TESTS_CHAOS_WORLD_H_

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/postgres/connection.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/observer.h"
#include "tests/chaos/options.h"
#include "tests/chaos/postgres_pair.h"
#include "tests/chaos/processes.h"

namespace lockstep::chaos {

// The run that is leased and the backend that executes it.
struct Holder {
  Instance* instance = nullptr;
  int backend = 0;
};

class World {
 public:
  World(const Options& options, std::string directory, Journal* journal, PostgresPair* postgres,
        Processes* processes, Observer* observer);

  const Options options;
  const std::string directory;
  Journal& journal;
  PostgresPair& postgres;
  Processes& processes;
  Observer& observer;

  // Dice.
  uint64_t Draw(uint64_t sides) { return random_() % sides; }
  absl::Duration Between(absl::Duration low, absl::Duration high);
  template <typename T>
  T& Pick(std::vector<T>& from) {
    return from[Draw(from.size())];
  }

  // Does `action` after a while, from the thread of the faults.
  void Later(absl::Duration after, std::function<void()> action);
  // Does what is due, and starts what is down.
  void Tick();
  // Waits until nothing is left on the agenda; `now` does not wait but ends every fault.
  void Settle(bool now = false);
  // Lets the world go on for so long.
  void Live(absl::Duration duration);

  // Asks the primary, past the network.
  absl::StatusOr<postgres::Result> Ask(const std::string& sql);
  // A session of the fault's own with the primary, past the network.
  absl::StatusOr<std::unique_ptr<postgres::Connection>> Session(
      const std::string& user = "postgres");

  // Waits until a migration's transaction is open, or, with `any`, until a run is leased. No
  // instance when there was none in time.
  Holder AwaitHolder(bool any = false);
  // The coordinator that leads; null when nobody is known to.
  Coordinator* Leader();

 private:
  struct Due {
    absl::Time at;
    std::function<void()> action;
  };

  std::mt19937_64 random_;
  std::vector<Due> agenda_;
  std::unique_ptr<postgres::Connection> admin_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_WORLD_H_
