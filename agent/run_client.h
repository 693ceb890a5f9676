// The two calls by which a worker gets and returns its work. An interface, so that the worker's
// logic is tested without gRPC.
#ifndef LOCKSTEP_AGENT_RUN_CLIENT_H_
#define LOCKSTEP_AGENT_RUN_CLIENT_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/apply/lease.h"
#include "engine/apply/run.h"

namespace lockstep::agent {

// A part of a run's SQL.
struct FetchedRun {
  std::vector<apply::RunItem> items;
  apply::RunSettings settings;
  bool more = false;  // The answer ends before the run does.
};

// All calls block, at most a few seconds; used by one thread, but for Interrupt.
class RunClient {
 public:
  virtual ~RunClient() = default;

  // FAILED_PRECONDITION (FENCED) when the token is not current; UNAVAILABLE while no coordinator
  // can be reached.
  virtual absl::StatusOr<FetchedRun> FetchRun(const apply::LeaseToken& token,
                                              chain::Version from) = 0;
  // Likewise. Idempotent.
  virtual absl::Status CompleteRun(const apply::LeaseToken& token,
                                   const apply::RunResult& result) = 0;

  // Ends a call that is under way; from any thread.
  virtual void Interrupt() = 0;
};

// True when the same call may be answered differently a little later.
bool MayRetry(const absl::Status& status);

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_RUN_CLIENT_H_
