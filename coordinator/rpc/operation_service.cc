#include "coordinator/rpc/operation_service.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "coordinator/rpc/unary.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {
namespace {

constexpr int kDefaultPage = 50;
constexpr size_t kMaxToken = 64;  // The id of an operation.
constexpr int kMaxPage = 500;

}  // namespace

OperationServiceImpl::OperationServiceImpl(Operations* operations, base::WorkerPool* workers,
                                           WatchHub* hub)
    : operations_(operations), workers_(workers), hub_(hub) {
  hub_->AddTopic([this] { return TellWatchers(); });
}

grpc::ServerUnaryReactor* OperationServiceImpl::GetOperation(grpc::CallbackServerContext* context,
                                                             const v1::GetOperationRequest* request,
                                                             v1::GetOperationResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const OperationView view,
                     operations_->Get(request->operation_id(), /*with_attempts=*/true));
    *response->mutable_operation() = ToProto(view);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* OperationServiceImpl::ListOperations(
    grpc::CallbackServerContext* context, const v1::ListOperationsRequest* request,
    v1::ListOperationsResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoList(*request, *response); });
}

absl::Status OperationServiceImpl::DoList(const v1::ListOperationsRequest& request,
                                          v1::ListOperationsResponse& response) {
  const int size =
      request.page_size() <= 0 ? kDefaultPage : std::min(request.page_size(), kMaxPage);
  RETURN_IF_ERROR(CheckText("page_token", request.page_token(), kMaxToken));
  ASSIGN_OR_RETURN(const auto views,
                   operations_->List(request.page_token(), size, request.active_only()));
  for (const OperationView& view : views) *response.add_operations() = ToProto(view);
  if (static_cast<int>(views.size()) == size) {
    response.set_next_page_token(views.back().row.operation_id);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* OperationServiceImpl::CancelOperation(
    grpc::CallbackServerContext* context, const v1::CancelOperationRequest* request,
    v1::CancelOperationResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    RETURN_IF_ERROR(CheckText("actor", request->actor(), kMaxActor));
    RETURN_IF_ERROR(CheckText("reason", request->reason(), kMaxReason));
    ASSIGN_OR_RETURN(
        const OperationView view,
        operations_->Cancel(request->operation_id(), request->actor(), request->reason()));
    *response->mutable_operation() = ToProto(view);
    return absl::OkStatus();
  });
}

template <typename Request, typename Response>
absl::Status OperationServiceImpl::DoPause(const Request& request, bool paused,
                                           Response& response) {
  RETURN_IF_ERROR(CheckText("actor", request.actor(), kMaxActor));
  RETURN_IF_ERROR(CheckText("reason", request.reason(), kMaxReason));
  ASSIGN_OR_RETURN(const OperationView view, operations_->Pause(request.operation_id(), paused,
                                                                request.actor(), request.reason()));
  *response.mutable_operation() = ToProto(view);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* OperationServiceImpl::PauseOperation(
    grpc::CallbackServerContext* context, const v1::PauseOperationRequest* request,
    v1::PauseOperationResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoPause(*request, true, *response); });
}

grpc::ServerUnaryReactor* OperationServiceImpl::ResumeOperation(
    grpc::CallbackServerContext* context, const v1::ResumeOperationRequest* request,
    v1::ResumeOperationResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoPause(*request, false, *response); });
}

grpc::ServerUnaryReactor* OperationServiceImpl::RetryOperation(
    grpc::CallbackServerContext* context, const v1::RetryOperationRequest* request,
    v1::RetryOperationResponse* response) {
  return RunUnary(context, workers_, [this, request, response]() -> absl::Status {
    RETURN_IF_ERROR(CheckText("actor", request->actor(), kMaxActor));
    RETURN_IF_ERROR(CheckText("reason", request->reason(), kMaxReason));
    ASSIGN_OR_RETURN(
        const OperationView view,
        operations_->Retry(request->operation_id(), request->actor(), request->reason()));
    *response->mutable_operation() = ToProto(view);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::WatchOperationResponse>* OperationServiceImpl::WatchOperation(
    grpc::CallbackServerContext*, const v1::WatchOperationRequest* request) {
  auto watcher = OperationWatcher::Start();
  {
    base::MutexLock lock(mu_);
    if (!shut_down_.ok()) {
      watcher->End(convert::ToGrpc(shut_down_));
    } else if (watchers_.size() >= kMaxWatchers) {
      watcher->End(convert::ToGrpc(RateLimited()));
    } else {
      watchers_.emplace(request->operation_id(), watcher);
    }
  }
  hub_->Notify();
  return watcher.get();
}

bool OperationServiceImpl::TellWatchers() {
  std::multimap<std::string, std::shared_ptr<OperationWatcher>> watchers;
  {
    base::MutexLock lock(mu_);
    for (auto it = watchers_.begin(); it != watchers_.end();) {
      it = it->second->over() ? watchers_.erase(it) : std::next(it);
    }
    watchers = watchers_;
  }
  for (auto it = watchers.begin(); it != watchers.end();) {
    const std::string id = it->first;
    const auto view = operations_->Get(id);
    v1::WatchOperationResponse response;
    if (view.ok()) *response.mutable_operation() = ToProto(*view);
    for (; it != watchers.end() && it->first == id; ++it) {
      if (view.ok()) it->second->Push(response);
      if (view.ok() && HasEnded(view->row.state)) it->second->End(grpc::Status::OK);
      // A database that is away for a moment does not end a watch.
      if (absl::IsNotFound(view.status())) it->second->End(convert::ToGrpc(view.status()));
    }
  }
  return !watchers.empty();
}

void OperationServiceImpl::Shutdown(const absl::Status& status) {
  base::MutexLock lock(mu_);
  shut_down_ = status;
  for (auto& [id, watcher] : watchers_) watcher->End(convert::ToGrpc(status));
  watchers_.clear();
}

}  // namespace lockstep::coordinator
