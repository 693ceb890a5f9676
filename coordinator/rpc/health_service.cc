#include "coordinator/rpc/health_service.h"

#include <algorithm>

#include "coordinator/rpc/unary.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

HealthCheckResponse HealthServiceImpl::StateOf(const std::string& service) {
  HealthCheckResponse response;
  response.set_status(!Knows(service) ? HealthCheckResponse::SERVICE_UNKNOWN
                      : serving_      ? HealthCheckResponse::SERVING
                                      : HealthCheckResponse::NOT_SERVING);
  return response;
}

grpc::ServerUnaryReactor* HealthServiceImpl::Check(grpc::CallbackServerContext* context,
                                                   const HealthCheckRequest* request,
                                                   HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (!Knows(request->service())) {
    reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no such service"));
    return reactor;
  }
  {
    base::MutexLock lock(mu_);
    *response = StateOf(request->service());
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthServiceImpl::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  auto watcher = HealthWatcher::Start();
  base::MutexLock lock(mu_);
  watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(),
                                 [](const auto& each) { return each.second->over(); }),
                  watchers_.end());
  if (!shut_down_.ok()) {
    watcher->End(convert::ToGrpc(shut_down_));
  } else if (watchers_.size() >= kMaxWatchers) {
    watcher->End(convert::ToGrpc(RateLimited()));
  } else {
    watcher->Push(StateOf(request->service()));
    watchers_.emplace_back(request->service(), watcher);
  }
  return watcher.get();
}

void HealthServiceImpl::StopServing() {
  base::MutexLock lock(mu_);
  serving_ = false;
  for (const auto& [service, watcher] : watchers_) watcher->Push(StateOf(service));
}

void HealthServiceImpl::Shutdown(const absl::Status& status) {
  base::MutexLock lock(mu_);
  shut_down_ = status;
  for (const auto& [service, watcher] : watchers_) watcher->End(convert::ToGrpc(status));
  watchers_.clear();
}

}  // namespace lockstep::coordinator
