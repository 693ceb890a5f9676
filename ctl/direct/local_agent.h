// The agent of a direct upgrade: applies a leased run in this process.
//
// Offers arrive through the same link as those to an agent elsewhere; the run itself is
// apply::ApplyRun, under the same fence. Nothing here makes a run safe: a lease that is taken back
// makes the database refuse, as it does for everybody.
#ifndef LOCKSTEP_CTL_DIRECT_LOCAL_AGENT_H_
#define LOCKSTEP_CTL_DIRECT_LOCAL_AGENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "coordinator/fleet/agent_link.h"
#include "coordinator/lease/lessor.h"
#include "coordinator/operation/operations.h"
#include "engine/apply/run.h"
#include "engine/backfill/vacuum.h"
#include "engine/base/mutex.h"

namespace lockstep::ctl {

// The newest offer. Thread-safe.
class LocalLink : public coordinator::AgentLink {
 public:
  void SendGate(const coordinator::Verdict&) override {}
  void SendOffer(const coordinator::LeaseOffer& offer) override;
  void SendBackfill(const coordinator::BackfillOffer& offer) override;
  // Runs are taken back by the thread that applies them, so there is nothing to stop here.
  void SendRevoked(const coordinator::LeaseToken&, const std::string&) override {}
  void Close(const absl::Status&) override {}
  void SendAway(absl::Duration, const absl::Status&) override {}

  std::optional<coordinator::LeaseOffer> Take();
  std::optional<coordinator::BackfillOffer> TakeBackfill();

 private:
  base::Mutex mu_;
  std::optional<coordinator::LeaseOffer> offer_ ABSL_GUARDED_BY(mu_);
  std::optional<coordinator::BackfillOffer> backfill_ ABSL_GUARDED_BY(mu_);
};

struct LocalAgentOptions {
  coordinator::Operations* operations = nullptr;  // These two must outlive the agent.
  coordinator::Lessor* lessor = nullptr;
  std::string conninfo;  // The migrator's.
  std::string session_id;
};

class LocalAgent {
 public:
  // Called about every `kPulse` while a run is under way. An error takes the run back: what is
  // committed stays, the migration that runs is rolled back.
  using Pulse = std::function<absl::Status()>;
  static constexpr absl::Duration kPulse = absl::Milliseconds(100);

  explicit LocalAgent(LocalAgentOptions options) : options_(std::move(options)) {}

  // Applies the offered run and reports it. Returns when the database has taken the report, or with
  // its error: then the lease is left to be taken back.
  absl::Status Run(const coordinator::LeaseOffer& offer, const Pulse& pulse);

  // Works on a part of a backfill to its end; an error of `pulse` gives it back behind its batch.
  void RunBackfill(const coordinator::BackfillOffer& offer, const Pulse& pulse);

 private:
  absl::StatusOr<apply::RunSpec> Fetch(const coordinator::LeaseOffer& offer);
  apply::RunResult Apply(const coordinator::LeaseOffer& offer, const apply::RunSpec& spec,
                         const Pulse& pulse);

  const LocalAgentOptions options_;
  backfill::VacuumKeeper keeper_;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_LOCAL_AGENT_H_
