// OperationService: reading, watching, pausing, cancelling and retrying operations.
#ifndef LOCKSTEP_COORDINATOR_RPC_OPERATION_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_OPERATION_SERVICE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lockstep/v1/operation.grpc.pb.h"

#include "coordinator/operation/operations.h"
#include "coordinator/rpc/watch.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

class OperationServiceImpl : public v1::OperationService::CallbackService {
 public:
  // Registers itself as a topic of `hub`.
  OperationServiceImpl(Operations* operations, base::WorkerPool* workers, WatchHub* hub);

  grpc::ServerUnaryReactor* GetOperation(grpc::CallbackServerContext* context,
                                         const v1::GetOperationRequest* request,
                                         v1::GetOperationResponse* response) override;
  grpc::ServerUnaryReactor* ListOperations(grpc::CallbackServerContext* context,
                                           const v1::ListOperationsRequest* request,
                                           v1::ListOperationsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchOperationResponse>* WatchOperation(
      grpc::CallbackServerContext* context, const v1::WatchOperationRequest* request) override;
  grpc::ServerUnaryReactor* CancelOperation(grpc::CallbackServerContext* context,
                                            const v1::CancelOperationRequest* request,
                                            v1::CancelOperationResponse* response) override;

  grpc::ServerUnaryReactor* PauseOperation(grpc::CallbackServerContext* context,
                                           const v1::PauseOperationRequest* request,
                                           v1::PauseOperationResponse* response) override;
  grpc::ServerUnaryReactor* ResumeOperation(grpc::CallbackServerContext* context,
                                            const v1::ResumeOperationRequest* request,
                                            v1::ResumeOperationResponse* response) override;

  grpc::ServerUnaryReactor* RetryOperation(grpc::CallbackServerContext* context,
                                           const v1::RetryOperationRequest* request,
                                           v1::RetryOperationResponse* response) override;

  // Ends all watches; new ones end at once.
  void Shutdown(const absl::Status& status);

 private:
  using OperationWatcher = Watcher<v1::WatchOperationResponse>;
  static constexpr size_t kMaxWatchers = 10'000;

  absl::Status DoList(const v1::ListOperationsRequest& request,
                      v1::ListOperationsResponse& response);
  template <typename Request, typename Response>
  absl::Status DoPause(const Request& request, bool paused, Response& response);
  bool TellWatchers();

  Operations* const operations_;
  base::WorkerPool* const workers_;
  WatchHub* const hub_;
  base::Mutex mu_;
  std::multimap<std::string, std::shared_ptr<OperationWatcher>> watchers_ ABSL_GUARDED_BY(mu_);
  absl::Status shut_down_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_OPERATION_SERVICE_H_
