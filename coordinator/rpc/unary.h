// Thin handlers: a unary call's body runs on a worker, because it blocks on SQL and a reactor must
// not.
#ifndef LOCKSTEP_COORDINATOR_RPC_UNARY_H_
#define LOCKSTEP_COORDINATOR_RPC_UNARY_H_

#include <functional>
#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"

#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

// Finishes the call with what `body` returns; RESOURCE_EXHAUSTED (RATE_LIMITED) when all workers
// are busy and their queue is full. Request and response live until then.
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* context, base::WorkerPool* workers,
                                   std::function<absl::Status()> body);

// Finishes a call that needed no worker, at once.
grpc::ServerUnaryReactor* FinishUnary(grpc::CallbackServerContext* context,
                                      const absl::Status& status);

absl::Status RateLimited();

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_UNARY_H_
