#include "coordinator/rpc/unary.h"

#include <utility>

#include "engine/base/error_info.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {

absl::Status RateLimited() {
  return base::MakeError(absl::StatusCode::kResourceExhausted, "RATE_LIMITED",
                         "the coordinator is busy: all workers and their queue are taken", {},
                         "retry later");
}

grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* context, base::WorkerPool* workers,
                                   std::function<absl::Status()> body) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool submitted = workers->Submit(
      [reactor, body = std::move(body)] { reactor->Finish(convert::ToGrpc(body())); });
  if (!submitted) reactor->Finish(convert::ToGrpc(RateLimited()));
  return reactor;
}

grpc::ServerUnaryReactor* FinishUnary(grpc::CallbackServerContext* context,
                                      const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(convert::ToGrpc(status));
  return reactor;
}

}  // namespace lockstep::coordinator
