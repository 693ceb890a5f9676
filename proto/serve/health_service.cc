#include "proto/serve/health_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "proto/convert/status.h"

namespace lockstep::serve {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace {

HealthCheckResponse Say(HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return response;
}

}  // namespace

HealthService::Status HealthService::StatusOf(const std::string& service) const {
  const auto it = services_.find(service);
  if (it == services_.end()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return it->second() ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

void HealthService::ForgetThoseThatLeft() {
  watching_.erase(std::remove_if(watching_.begin(), watching_.end(),
                                 [](const Watching& each) { return each.watcher->over(); }),
                  watching_.end());
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const Status status = StatusOf(request->service());
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such service"));
    return reactor;
  }
  response->set_status(status);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  auto watcher = Watcher<HealthCheckResponse>::Start();
  base::MutexLock lock(mu_);
  ForgetThoseThatLeft();
  if (!shut_down_.ok()) {
    watcher->End(convert::ToGrpc(shut_down_));
  } else if (watching_.size() >= limits_.max_watchers) {
    watcher->End(convert::ToGrpc(base::MakeError(
        absl::StatusCode::kResourceExhausted, "RATE_LIMITED", "too many watch the health already",
        {{"limit", absl::StrCat(limits_.max_watchers)}}, "ask with Check")));
  } else {
    // Asked under the lock, so that what Changed tells comes after it.
    const Status now = StatusOf(request->service());
    watcher->Push(Say(now));
    watching_.push_back({.service = request->service(), .told = now, .watcher = watcher});
  }
  return watcher.get();
}

void HealthService::Changed() {
  base::MutexLock lock(mu_);
  ForgetThoseThatLeft();
  for (Watching& each : watching_) {
    const Status now = StatusOf(each.service);
    if (std::exchange(each.told, now) != now) each.watcher->Push(Say(now));
  }
}

void HealthService::Shutdown(const absl::Status& status) {
  base::MutexLock lock(mu_);
  shut_down_ = status;
  for (const Watching& each : watching_) each.watcher->End(convert::ToGrpc(status));
  watching_.clear();
}

}  // namespace lockstep::serve
