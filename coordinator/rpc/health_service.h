// grpc.health.v1 as an ordinary service: the library's own has no descriptor, which makes
// reflection clients stop at it.
#ifndef LOCKSTEP_COORDINATOR_RPC_HEALTH_SERVICE_H_
#define LOCKSTEP_COORDINATOR_RPC_HEALTH_SERVICE_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"

#include "coordinator/rpc/watch.h"

namespace lockstep::coordinator {

// Answers SERVING for the whole server ("") and for each service by its full name from the first
// call on, NOT_SERVING from StopServing on. Followers serve reads, so that leading plays no part.
// Thread-safe; never blocks.
class HealthServiceImpl : public grpc::health::v1::Health::CallbackService {
 public:
  // `services` are the full names of what the server serves, e.g. "lockstep.v1.AgentService".
  explicit HealthServiceImpl(std::set<std::string> services) : services_(std::move(services)) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

  // Says NOT_SERVING to all that watch, and to all that ask from now on.
  void StopServing();
  // Ends all watches; new ones end at once.
  void Shutdown(const absl::Status& status);

 private:
  using HealthWatcher = Watcher<grpc::health::v1::HealthCheckResponse>;
  static constexpr size_t kMaxWatchers = 1'000;

  bool Knows(const std::string& service) const {
    return service.empty() || services_.contains(service);
  }
  grpc::health::v1::HealthCheckResponse StateOf(const std::string& service)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::set<std::string> services_;
  base::Mutex mu_;
  bool serving_ ABSL_GUARDED_BY(mu_) = true;
  absl::Status shut_down_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<std::string, std::shared_ptr<HealthWatcher>>> watchers_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_HEALTH_SERVICE_H_
