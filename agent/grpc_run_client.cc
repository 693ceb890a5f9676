#include "agent/grpc_run_client.h"

#include <chrono>
#include <utility>

#include "agent/wire.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::agent {
namespace {
// Of one attempt. An answer may carry 8 MiB.
constexpr auto kCallLimit = std::chrono::seconds(15);
}  // namespace

absl::StatusOr<FetchedRun> GrpcRunClient::FetchRun(const apply::LeaseToken& token,
                                                   chain::Version from) {
  v1::FetchRunRequest request;
  *request.mutable_token() = ToProto(token);
  request.set_from(from);
  v1::FetchRunResponse response;
  RETURN_IF_ERROR(Call([&](v1::AgentService::Stub& stub, grpc::ClientContext* context) {
    return stub.FetchRun(context, request, &response);
  }));
  return FromProto(std::move(response));
}

absl::Status GrpcRunClient::CompleteRun(const apply::LeaseToken& token,
                                        const apply::RunResult& result) {
  const v1::CompleteRunRequest request = ToProto(token, session_id_, result);
  v1::CompleteRunResponse response;
  return Call([&](v1::AgentService::Stub& stub, grpc::ClientContext* context) {
    return stub.CompleteRun(context, request, &response);
  });
}

absl::Status GrpcRunClient::Call(const Method& method) {
  const std::shared_ptr<grpc::Channel> channel = channel_();
  if (channel == nullptr) {
    return base::MakeError(absl::StatusCode::kUnavailable, "COORDINATOR_UNAVAILABLE",
                           "no coordinator is connected");
  }
  const auto stub = v1::AgentService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
  {
    base::MutexLock lock(mu_);
    if (interrupted_) return absl::CancelledError("the agent stops");
    active_ = &context;
  }
  const grpc::Status status = method(*stub, &context);
  {
    base::MutexLock lock(mu_);
    active_ = nullptr;
  }
  return convert::FromGrpc(status);
}

void GrpcRunClient::Interrupt() {
  base::MutexLock lock(mu_);
  interrupted_ = true;
  if (active_ != nullptr) active_->TryCancel();
}

}  // namespace lockstep::agent
