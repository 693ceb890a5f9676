// AdminService: what only a person should decide.
#ifndef LOCKSTEP_COORDINATOR_RPC_ADMIN_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_ADMIN_SERVICE_H_

#include <functional>

#include "lockstep/v1/admin.grpc.pb.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/status/builds.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

struct AdminServiceOptions {
  Database* database = nullptr;  // All of these must outlive the service.
  Fleet* fleet = nullptr;
  Builds* builds = nullptr;
  base::WorkerPool* workers = nullptr;
  const base::Clock* clock = base::SystemClock();
  Durations durations;
  // Leads, and has loaded its memory; else NOT_LEADER.
  std::function<absl::StatusOr<LeaderToken>()> accepting;
  std::function<void()> wake_driver = [] {};
};

class AdminServiceImpl : public v1::AdminService::CallbackService {
 public:
  explicit AdminServiceImpl(AdminServiceOptions options) : options_(std::move(options)) {}

  grpc::ServerUnaryReactor* EvictInstance(grpc::CallbackServerContext* context,
                                          const v1::EvictInstanceRequest* request,
                                          v1::EvictInstanceResponse* response) override;
  grpc::ServerUnaryReactor* Override(grpc::CallbackServerContext* context,
                                     const v1::OverrideRequest* request,
                                     v1::OverrideResponse* response) override;
  grpc::ServerUnaryReactor* ListAuditEvents(grpc::CallbackServerContext* context,
                                            const v1::ListAuditEventsRequest* request,
                                            v1::ListAuditEventsResponse* response) override;
  grpc::ServerUnaryReactor* VerifyAudit(grpc::CallbackServerContext* context,
                                        const v1::VerifyAuditRequest* request,
                                        v1::VerifyAuditResponse* response) override;

 private:
  absl::Status DoEvict(const v1::EvictInstanceRequest& request,
                       v1::EvictInstanceResponse& response);
  absl::Status DoOverride(const v1::OverrideRequest& request, v1::OverrideResponse& response);
  absl::Status DoListAudit(const v1::ListAuditEventsRequest& request,
                           v1::ListAuditEventsResponse& response);
  absl::Status DoVerifyAudit(const v1::VerifyAuditRequest& request,
                             v1::VerifyAuditResponse& response);

  const AdminServiceOptions options_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_ADMIN_SERVICE_H_
