// StatusService: the state of the whole cluster.
#ifndef LOCKSTEP_COORDINATOR_RPC_STATUS_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_STATUS_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "lockstep/v1/status.grpc.pb.h"

#include "coordinator/rpc/event_feed.h"
#include "coordinator/rpc/watch.h"
#include "coordinator/status/cluster_state.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

class StatusServiceImpl : public v1::StatusService::CallbackService {
 public:
  // Registers itself as a topic of `hub`.
  StatusServiceImpl(ClusterStateSources sources, Durations durations, base::WorkerPool* workers,
                    WatchHub* hub);

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchStatusResponse>* WatchStatus(
      grpc::CallbackServerContext* context, const v1::WatchStatusRequest* request) override;
  grpc::ServerUnaryReactor* ListMigrations(grpc::CallbackServerContext* context,
                                           const v1::ListMigrationsRequest* request,
                                           v1::ListMigrationsResponse* response) override;

  grpc::ServerUnaryReactor* ListInstances(grpc::CallbackServerContext* context,
                                          const v1::ListInstancesRequest* request,
                                          v1::ListInstancesResponse* response) override;
  grpc::ServerUnaryReactor* ListBlockers(grpc::CallbackServerContext* context,
                                         const v1::ListBlockersRequest* request,
                                         v1::ListBlockersResponse* response) override;
  grpc::ServerUnaryReactor* ListPins(grpc::CallbackServerContext* context,
                                     const v1::ListPinsRequest* request,
                                     v1::ListPinsResponse* response) override;
  grpc::ServerUnaryReactor* ListLeases(grpc::CallbackServerContext* context,
                                       const v1::ListLeasesRequest* request,
                                       v1::ListLeasesResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override;
  grpc::ServerWriteReactor<v1::ExportChainResponse>* ExportChain(
      grpc::CallbackServerContext* context, const v1::ExportChainRequest* request) override;

  // Ends all watches; new ones end at once.
  void Shutdown(const absl::Status& status);

 private:
  using StatusWatcher = Watcher<v1::WatchStatusResponse>;
  static constexpr size_t kMaxWatchers = 1'000;
  struct Watched {
    std::shared_ptr<StatusWatcher> watcher;
    bool told = false;
  };

  absl::Status DoListMigrations(const v1::ListMigrationsRequest& request,
                                v1::ListMigrationsResponse& response);
  absl::Status DoListInstances(const v1::ListInstancesRequest& request,
                               v1::ListInstancesResponse& response);
  absl::Status DoListPins(const v1::ListPinsRequest& request, v1::ListPinsResponse& response);
  absl::Status DoListLeases(const v1::ListLeasesRequest& request, v1::ListLeasesResponse& response);
  absl::Status DoListEvents(const v1::ListEventsRequest& request, v1::ListEventsResponse& response);
  bool TellWatchers();

  const ClusterStateSources sources_;
  const Durations durations_;
  base::WorkerPool* const workers_;
  WatchHub* const hub_;
  EventFeed events_;
  std::string last_told_;  // Of the hub's thread alone.
  base::Mutex mu_;
  std::vector<Watched> watchers_ ABSL_GUARDED_BY(mu_);
  absl::Status shut_down_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_STATUS_SERVICE_H_
