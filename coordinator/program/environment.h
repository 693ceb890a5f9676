// All long-lived objects of a coordinator, in the order in which they are made.
#ifndef LOCKSTEP_COORDINATOR_PROGRAM_ENVIRONMENT_H_
#define LOCKSTEP_COORDINATOR_PROGRAM_ENVIRONMENT_H_

#include <atomic>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/program/config.h"
#include "coordinator/rpc/admin_service.h"
#include "coordinator/rpc/agent_service.h"
#include "coordinator/rpc/operation_service.h"
#include "coordinator/rpc/release_service.h"
#include "coordinator/rpc/status_service.h"
#include "engine/base/worker_pool.h"
#include "proto/serve/health_service.h"

namespace lockstep::coordinator {

// A running coordinator.
//
//   ASSIGN_OR_RETURN(auto environment, Environment::Start(config));
//   ... environment->addresses() ...
//   environment->Stop();     // graceful; also by the destructor
class Environment {
 public:
  // Brings schema lockstep up, takes part in elections and listens. Fails with what Bootstrap and
  // Connection::Open return, or UNAVAILABLE when it cannot listen.
  static absl::StatusOr<std::unique_ptr<Environment>> Start(const Config& config);
  ~Environment();

  // Says NOT_SERVING first; then no new leases, agents are told to come back elsewhere, leadership
  // is resigned, calls under way end within kShutdownGrace.
  void Stop();

  // What it listens on: "127.0.0.1:7411", "unix:/run/lockstep.sock".
  const std::vector<std::string>& addresses() const { return addresses_; }
  bool leading() const { return loaded_epoch_ != 0; }

 private:
  explicit Environment(const Config& config);
  void MakeServices();
  absl::Status Listen();
  std::string AnnouncedAddress() const;
  void OnElected(const LeaderToken& token);
  void OnDeposed();
  absl::StatusOr<LeaderToken> Accepting() const;
  // The same for the driver, which tries to load what the elector's thread could not.
  std::optional<LeaderToken> LoadedLeadership();

  const Config config_;
  Database database_;
  // Calls and admissions have workers of their own, so that neither starves the other.
  base::WorkerPool call_workers_;
  base::WorkerPool admission_workers_;
  // The epoch whose memory has been loaded; sessions are taken and moves are made only then.
  std::atomic<int64_t> loaded_epoch_{0};
  std::atomic<int64_t> incarnation_{0};  // Loaded with it.
  std::atomic<bool> stopping_{false};    // No agent is welcomed any more.
  base::Mutex load_mu_;                  // One thread loads at a time.
  GateMemory gate_memory_;
  Settle settle_;
  std::unique_ptr<Elector> elector_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Lessor> lessor_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<Builds> builds_;
  SessionPeers peers_;
  WatchHub hub_;
  std::unique_ptr<AdminServiceImpl> admin_service_;
  std::unique_ptr<AgentServiceImpl> agent_service_;
  std::unique_ptr<ReleaseServiceImpl> release_service_;
  std::unique_ptr<OperationServiceImpl> operation_service_;
  std::unique_ptr<StatusServiceImpl> status_service_;
  std::atomic<bool> serving_{true};  // What health_service_ says.
  std::unique_ptr<serve::HealthService> health_service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
  bool stopped_ = false;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_PROGRAM_ENVIRONMENT_H_
