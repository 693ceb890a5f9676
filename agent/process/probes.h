// How far the program has come, and what it therefore answers to an orchestrator:
//
//   /livez   200 always: a closed gate is no reason to restart a container
//   /gate    200 open, 503 not yet, 409 refused for good; the verdict as JSON
//   /readyz  200 while the child serves, else 503 with the reason
//   /schema  200 always: the version the database is at, and what migrations changed last
//
// The first three also over grpc.health.v1: see agent/health/health_server.h.
#ifndef LOCKSTEP_AGENT_PROCESS_PROBES_H_
#define LOCKSTEP_AGENT_PROCESS_PROBES_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "lockstep/agent.h"

#include "agent/health/health_server.h"
#include "agent/process/flags.h"
#include "agent/process/http.h"
#include "engine/base/mutex.h"

namespace lockstep::process {

enum class Phase {
  kGate,      // Waiting for the gate.
  kStarting,  // The child runs; its ready URL has not answered 2xx yet.
  kServing,
  kDraining,
  kEnded,
};

// Thread-safe.
class Progress {
 public:
  Phase phase() const;
  // Calls `callback` after each change, from the thread that made it. To be set before there are
  // others.
  void OnChange(std::function<void()> callback) { changed_ = std::move(callback); }
  // Moves on. Returns false, and stays, when that would go back: a ready URL that answers while the
  // child is drained does not make it serve again.
  bool Advance(Phase phase);
  // Between kStarting and kServing, both ways. Returns false when nothing changed, also before and
  // after the two.
  bool SetServing(bool serving);

 private:
  mutable base::Mutex mu_;
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kGate;
  std::function<void()> changed_ = [] {};
};

// What migrations have changed since the gate was open. Thread-safe.
class SchemaNews {
 public:
  void Note(const SchemaChange& change);
  // `applied`: as the agent knows it.
  HttpReply Reply(int32_t applied) const;

 private:
  mutable base::Mutex mu_;
  int64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
  SchemaChange last_ ABSL_GUARDED_BY(mu_);
};

// Who answers, over HTTP and over gRPC, as far as the flags ask for it.
class ProbeServers {
 public:
  // Listens, and tells of changes of `progress` from now on; once. Fails as HttpServer::Start and
  // HealthServer::Start do. All four must outlive it.
  absl::Status Start(const Flags& flags, const Agent& agent, Progress& progress,
                     const SchemaNews& schema);
  // To be called after the gate has changed: tells those that watch. From any thread; never blocks.
  void GateChanged();

 private:
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<health::HealthServer> health_;
};

HttpReply LiveReply();
HttpReply GateReply(const GateVerdict& verdict);
HttpReply ReadyReply(Phase phase);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_PROBES_H_
