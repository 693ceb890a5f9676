// The reference of the warm gate check: a gRPC server with the same callback API and the same
// messages, which answers without looking at anything.
//
//   bench-bare-server ADDRESS     listens until it is ended; prints "listening" when it does
#include <cstdio>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include "lockstep/v1/agent.grpc.pb.h"

namespace {

class Bare : public lockstep::v1::AgentService::CallbackService {
 public:
  grpc::ServerUnaryReactor* CheckGate(grpc::CallbackServerContext* context,
                                      const lockstep::v1::CheckGateRequest*,
                                      lockstep::v1::CheckGateResponse* response) override {
    lockstep::v1::Gate* const gate = response->mutable_gate();
    gate->set_state(lockstep::v1::GATE_STATE_OPEN);
    gate->set_reason("ready");
    gate->set_detail("needs 16, applied is 16");
    gate->set_applied(16);
    gate->set_needs(16);
    gate->set_head(16);
    gate->set_revision(123);
    gate->mutable_validity()->set_seconds(20);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Bare service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("listening\n");
  std::fflush(stdout);
  server->Wait();
  return 0;
}
