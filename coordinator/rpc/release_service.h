// ReleaseService: publishing, planning, starting upgrades and contracts; and what is asked about
// builds.
#ifndef LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_

#include "absl/status/status.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "coordinator/operation/operations.h"
#include "coordinator/status/builds.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

class ReleaseServiceImpl : public v1::ReleaseService::CallbackService {
 public:
  ReleaseServiceImpl(Operations* operations, Builds* builds, const Durations& durations,
                     base::WorkerPool* workers)
      : operations_(operations), builds_(builds), durations_(durations), workers_(workers) {}

  grpc::ServerUnaryReactor* PublishChain(grpc::CallbackServerContext* context,
                                         const v1::PublishChainRequest* request,
                                         v1::PublishChainResponse* response) override;
  grpc::ServerUnaryReactor* PlanUpgrade(grpc::CallbackServerContext* context,
                                        const v1::PlanUpgradeRequest* request,
                                        v1::PlanUpgradeResponse* response) override;
  grpc::ServerUnaryReactor* StartUpgrade(grpc::CallbackServerContext* context,
                                         const v1::StartUpgradeRequest* request,
                                         v1::StartUpgradeResponse* response) override;
  grpc::ServerUnaryReactor* StartContract(grpc::CallbackServerContext* context,
                                          const v1::StartContractRequest* request,
                                          v1::StartContractResponse* response) override;

  grpc::ServerUnaryReactor* CanDeploy(grpc::CallbackServerContext* context,
                                      const v1::CanDeployRequest* request,
                                      v1::CanDeployResponse* response) override;
  grpc::ServerUnaryReactor* PinBuild(grpc::CallbackServerContext* context,
                                     const v1::PinBuildRequest* request,
                                     v1::PinBuildResponse* response) override;
  grpc::ServerUnaryReactor* RetireBuild(grpc::CallbackServerContext* context,
                                        const v1::RetireBuildRequest* request,
                                        v1::RetireBuildResponse* response) override;
  grpc::ServerUnaryReactor* ListBackfills(grpc::CallbackServerContext* context,
                                          const v1::ListBackfillsRequest* request,
                                          v1::ListBackfillsResponse* response) override;
  grpc::ServerUnaryReactor* StartBackfill(grpc::CallbackServerContext* context,
                                          const v1::StartBackfillRequest* request,
                                          v1::StartBackfillResponse* response) override;
  grpc::ServerUnaryReactor* UpdateBackfill(grpc::CallbackServerContext* context,
                                           const v1::UpdateBackfillRequest* request,
                                           v1::UpdateBackfillResponse* response) override;

 private:
  absl::Status DoPublish(const v1::PublishChainRequest& request,
                         v1::PublishChainResponse& response);
  absl::Status DoStart(const v1::StartUpgradeRequest& request, v1::StartUpgradeResponse& response);

  absl::Status DoCanDeploy(const v1::CanDeployRequest& request, v1::CanDeployResponse& response);
  absl::Status DoPin(const v1::PinBuildRequest& request, v1::PinBuildResponse& response);
  absl::Status DoRetire(const v1::RetireBuildRequest& request, v1::RetireBuildResponse& response);

  Operations* const operations_;
  Builds* const builds_;
  const Durations durations_;
  base::WorkerPool* const workers_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_
