// A coordinator that answers what a test tells it to, and a helper that runs the real program
// against it. Calls without a handler fail with UNIMPLEMENTED.
//
//   FakeCoordinator fake;
//   fake.plan = [](const v1::PlanUpgradeRequest&, v1::PlanUpgradeResponse* response) { ... };
//   const CommandResult result = RunLockstep(fake, {"plan"});
#ifndef LOCKSTEP_TESTS_CTL_FAKE_COORDINATOR_H_
#define LOCKSTEP_TESTS_CTL_FAKE_COORDINATOR_H_

#include <atomic>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lockstep/v1/admin.grpc.pb.h"
#include "lockstep/v1/operation.grpc.pb.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "tests/support/subprocess.h"

namespace lockstep::testing {

template <class Request, class Response>
using Answer = std::function<absl::Status(const Request&, Response*)>;

template <class Response>
using Stream =
    std::function<absl::Status(grpc::ServerContext* context, grpc::ServerWriter<Response>* writer)>;

// Set the handlers before the first call. Handlers run on gRPC's threads.
class FakeCoordinator {
 public:
  // Listens on `address`; by default on a free port of the loopback interface.
  explicit FakeCoordinator(const std::string& address = "127.0.0.1:0");
  ~FakeCoordinator();

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  // Ends all calls and stops listening.
  void Stop();

  Answer<v1::PublishChainRequest, v1::PublishChainResponse> publish;
  Answer<v1::PlanUpgradeRequest, v1::PlanUpgradeResponse> plan;
  Answer<v1::StartUpgradeRequest, v1::StartUpgradeResponse> start;
  Answer<v1::StartContractRequest, v1::StartContractResponse> start_contract;
  Answer<v1::GetOperationRequest, v1::GetOperationResponse> get_operation;
  Answer<v1::ListOperationsRequest, v1::ListOperationsResponse> list_operations;
  Answer<v1::CancelOperationRequest, v1::CancelOperationResponse> cancel;
  Answer<v1::PauseOperationRequest, v1::PauseOperationResponse> pause;
  Answer<v1::ResumeOperationRequest, v1::ResumeOperationResponse> resume;
  Answer<v1::EvictInstanceRequest, v1::EvictInstanceResponse> evict;
  Answer<v1::CanDeployRequest, v1::CanDeployResponse> can_deploy;
  Answer<v1::PinBuildRequest, v1::PinBuildResponse> pin;
  Answer<v1::RetireBuildRequest, v1::RetireBuildResponse> retire;
  Answer<v1::ListPinsRequest, v1::ListPinsResponse> list_pins;
  Answer<v1::OverrideRequest, v1::OverrideResponse> override_contract;
  Answer<v1::ListAuditEventsRequest, v1::ListAuditEventsResponse> list_audit;
  Answer<v1::VerifyAuditRequest, v1::VerifyAuditResponse> verify_audit;
  Answer<v1::RetryOperationRequest, v1::RetryOperationResponse> retry;
  Answer<v1::ListInstancesRequest, v1::ListInstancesResponse> list_instances;
  Answer<v1::ListBlockersRequest, v1::ListBlockersResponse> list_blockers;
  Answer<v1::ListLeasesRequest, v1::ListLeasesResponse> list_leases;
  Answer<v1::ListEventsRequest, v1::ListEventsResponse> list_events;
  std::function<absl::Status(const v1::WatchEventsRequest& request,
                             grpc::ServerWriter<v1::WatchEventsResponse>* writer)>
      watch_events;
  Stream<v1::ExportChainResponse> export_chain;
  Answer<v1::GetStatusRequest, v1::GetStatusResponse> get_status;
  Answer<v1::ListMigrationsRequest, v1::ListMigrationsResponse> list_migrations;
  Stream<v1::WatchOperationResponse> watch_operation;
  Stream<v1::WatchStatusResponse> watch_status;

  // Calls that arrived, all methods together.
  std::atomic<int> calls = 0;

 private:
  class Admin;
  class Release;
  class Operations;
  class Status;

  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Release> release_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<Status> status_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

// How the program is started: against `address`, without colours and without the tester's own
// environment of lockstep.
SubprocessOptions LockstepCommand(const std::string& address, std::vector<std::string> words);
CommandResult RunLockstep(const FakeCoordinator& fake, std::vector<std::string> words);
// Without any coordinator.
CommandResult RunLockstep(std::vector<std::string> words);

// The exit code; -1 when the program was killed.
int CodeOf(const CommandResult& result);

// An operation that runs, and one that reached `applied`.
v1::Operation RunningOperation(int target);
v1::Operation DoneOperation(int applied);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_CTL_FAKE_COORDINATOR_H_
