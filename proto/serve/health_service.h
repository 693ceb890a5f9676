// grpc.health.v1 as an ordinary service: the library's own has no descriptor, which makes
// reflection clients stop at it.
//
//   HealthService health({{"", [&] { return serving.load(); }}}, {.max_watchers = 100});
//   builder.RegisterService(&health);
//   ... serving = false; health.Changed(); ...
//   health.Shutdown(why);            // before grpc::Server::Shutdown, which waits for streams
#ifndef LOCKSTEP_PROTO_SERVE_HEALTH_SERVICE_H_
#define LOCKSTEP_PROTO_SERVE_HEALTH_SERVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpc/health/v1/health.grpc.pb.h"

#include "engine/base/mutex.h"
#include "proto/serve/watcher.h"

namespace lockstep::serve {

struct HealthLimits {
  size_t max_watchers = 1'000;  // Calls of Watch at a time.
};

// Thread-safe; never blocks.
class HealthService : public grpc::health::v1::Health::CallbackService {
 public:
  // Whether a service takes calls now. Called from gRPC's threads and by Changed, several at a
  // time; must not block.
  using Serving = std::function<bool()>;
  // By the name that clients ask for; "" is the whole server.
  using Services = std::map<std::string, Serving>;

  explicit HealthService(Services services, HealthLimits limits = {})
      : services_(std::move(services)), limits_(limits) {}

  // NOT_FOUND for a service that is not there.
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  // SERVICE_UNKNOWN, and the stream goes on, for a service that is not there. RESOURCE_EXHAUSTED
  // (RATE_LIMITED) beyond the limit of watchers.
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

  // To be called after an answer has become another one. Whoever watches is told what is new to it:
  // of two changes in quick succession at least the second one.
  void Changed();
  // Ends all watches with `status`, after what they were told; new ones end at once.
  void Shutdown(const absl::Status& status);

 private:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  struct Watching {
    std::string service;
    Status told;
    std::shared_ptr<Watcher<grpc::health::v1::HealthCheckResponse>> watcher;
  };

  Status StatusOf(const std::string& service) const;
  void ForgetThoseThatLeft() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Services services_;
  const HealthLimits limits_;
  base::Mutex mu_;
  absl::Status shut_down_ ABSL_GUARDED_BY(mu_);
  std::vector<Watching> watching_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::serve

#endif  // LOCKSTEP_PROTO_SERVE_HEALTH_SERVICE_H_
