// The verbs of release tooling about builds: whether one could be deployed, pins, overrides.
//
// Thread-safe; every function blocks on SQL, so call them from a worker. Writes need leadership:
// UNAVAILABLE (NOT_LEADER) otherwise.
#ifndef LOCKSTEP_COORDINATOR_STATUS_BUILDS_H_
#define LOCKSTEP_COORDINATOR_STATUS_BUILDS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/operation/deploy.h"
#include "coordinator/status/instances.h"
#include "coordinator/store/build_store.h"
#include "coordinator/store/override_store.h"
#include "coordinator/store/pin_store.h"

namespace lockstep::coordinator {

struct BuildsOptions {
  Database* database = nullptr;  // All of these must outlive the object.
  Fleet* fleet = nullptr;
  const base::Clock* clock = base::SystemClock();
  // Leads, and has loaded its memory; else NOT_LEADER.
  std::function<absl::StatusOr<LeaderToken>()> accepting;
  std::function<void()> wake_driver = [] {};
};

struct DeployQuestion {
  std::string service;
  std::string build;                    // "" when it has no name.
  std::optional<Declaration> declared;  // Absent: what an instance or a pin of `build` declared.
};

struct DeployAnswer {
  Declaration declaration;  // What was judged.
  DeployVerdict verdict;
  std::vector<BuildRow> would_start;  // Other builds whose gate is open; at most kMaxWouldStart.
  bool pinned = false;
};

struct Retired {
  int pins_ended = 0;
  std::vector<InstanceState> still_counting;
};

// Whom an override is about, with all that is known of them.
struct OverridePreview {
  std::vector<InstanceState> sessions;
  std::vector<PinRow> pins;
  std::string token;
};

class Builds {
 public:
  static constexpr size_t kMaxWouldStart = 10;

  explicit Builds(BuildsOptions options) : options_(std::move(options)) {}

  // NOT_FOUND (BUILD_NOT_FOUND) when nothing is declared and nobody knows the build. Served by
  // followers too.
  absl::StatusOr<DeployAnswer> CanDeploy(const DeployQuestion& question);

  // Fail as PinBuild and RetireBuild of store/pin_store.h.
  absl::StatusOr<PinRow> Pin(const PinRequest& request);
  absl::StatusOr<Retired> Retire(const std::string& service, const std::string& build,
                                 const Decider& by);

  // Fails as LookAtOverride; also FAILED_PRECONDITION (NOTHING_TO_OVERRIDE). Of the leader, because
  // it alone knows who is alive.
  absl::StatusOr<OverridePreview> LookAtOverride(Version contract, absl::Duration lasting);
  // Fails as MakeOverride of store/override_store.h. Returns its id.
  absl::StatusOr<std::string> Override(const OverrideRequest& request);

 private:
  const BuildsOptions options_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STATUS_BUILDS_H_
