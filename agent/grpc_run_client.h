// RunClient over gRPC: unary calls on whichever channel the session has at that moment.
#ifndef LOCKSTEP_AGENT_GRPC_RUN_CLIENT_H_
#define LOCKSTEP_AGENT_GRPC_RUN_CLIENT_H_

#include <functional>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "lockstep/v1/agent.grpc.pb.h"

#include "agent/run_client.h"
#include "engine/base/mutex.h"

namespace lockstep::agent {

class GrpcRunClient : public RunClient {
 public:
  // `channel` returns null while no coordinator is connected.
  GrpcRunClient(std::string session_id, std::function<std::shared_ptr<grpc::Channel>()> channel)
      : session_id_(std::move(session_id)), channel_(std::move(channel)) {}

  absl::StatusOr<FetchedRun> FetchRun(const apply::LeaseToken& token, chain::Version from) override;
  absl::Status CompleteRun(const apply::LeaseToken& token, const apply::RunResult& result) override;
  // From now on every call fails with CANCELLED.
  void Interrupt() override;

 private:
  using Method = std::function<grpc::Status(v1::AgentService::Stub&, grpc::ClientContext*)>;
  absl::Status Call(const Method& method);

  const std::string session_id_;
  const std::function<std::shared_ptr<grpc::Channel>()> channel_;

  base::Mutex mu_;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* active_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_GRPC_RUN_CLIENT_H_
