// ReleaseService: publishing, planning, and starting upgrades and contracts.
#ifndef LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_

#include "absl/status/status.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "coordinator/operation/operations.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

class ReleaseServiceImpl : public v1::ReleaseService::CallbackService {
 public:
  ReleaseServiceImpl(Operations* operations, base::WorkerPool* workers)
      : operations_(operations), workers_(workers) {}

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

 private:
  absl::Status DoPublish(const v1::PublishChainRequest& request,
                         v1::PublishChainResponse& response);
  absl::Status DoStart(const v1::StartUpgradeRequest& request, v1::StartUpgradeResponse& response);

  Operations* const operations_;
  base::WorkerPool* const workers_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_RELEASE_SERVICE_H_
