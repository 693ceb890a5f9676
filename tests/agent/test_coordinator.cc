#include "tests/agent/test_coordinator.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"

#include "agent/wire.h"
#include "proto/convert/status.h"
#include "proto/convert/time.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {

TestCoordinator::TestCoordinator(TestCoordinatorOptions options) : options_(std::move(options)) {
  Start();
}

TestCoordinator::~TestCoordinator() { Stop(); }

void TestCoordinator::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void TestCoordinator::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_ = nullptr;
}

void TestCoordinator::Welcome(Stream* stream) {
  v1::SessionResponse response;
  *response.mutable_welcome()->mutable_heartbeat_interval() = convert::ToProto(options_.heartbeat);
  *response.mutable_welcome()->mutable_stop_after() = convert::ToProto(options_.stop_after);
  response.mutable_welcome()->set_leader_epoch(1);
  stream->Write(response);
}

grpc::Status TestCoordinator::Session(grpc::ServerContext* context, Stream* stream) {
  v1::SessionRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  int number;
  {
    base::MutexLock lock(mu_);
    requests_.push_back(request);
    number = streams_ + 1;
  }
  const auto refusal = options_.refuse ? options_.refuse(number) : std::nullopt;
  {
    base::MutexLock lock(mu_);  // Also so that nothing else is written before the welcome.
    if (!refusal.has_value() && !options_.silent) Welcome(stream);
    ++streams_;
    up_ = stream;
    context_ = context;
  }
  if (!refusal.has_value()) {
    while (stream->Read(&request)) {
      Handle(request, stream);
      if (request.has_goodbye()) break;
    }
  }
  base::MutexLock lock(mu_);
  if (up_ == stream) {  // The next stream may be up already.
    up_ = nullptr;
    context_ = nullptr;
  }
  if (refusal.has_value()) return convert::ToGrpc(*refusal);
  return grpc::Status::OK;
}

void TestCoordinator::Handle(const v1::SessionRequest& request, Stream* stream) {
  base::MutexLock lock(mu_);
  requests_.push_back(request);
  if (!request.has_heartbeat()) return;
  v1::SessionResponse response;
  response.mutable_heartbeat_ack()->set_sequence(request.heartbeat().sequence());
  stream->Write(response);
}

grpc::Status TestCoordinator::FetchRun(grpc::ServerContext*, const v1::FetchRunRequest* request,
                                       v1::FetchRunResponse* response) {
  if (!on_fetch) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  return convert::ToGrpc(on_fetch(*request, response));
}

grpc::Status TestCoordinator::CompleteRun(grpc::ServerContext*,
                                          const v1::CompleteRunRequest* request,
                                          v1::CompleteRunResponse*) {
  {
    base::MutexLock lock(mu_);
    reports_.push_back(*request);
  }
  return on_complete ? convert::ToGrpc(on_complete(*request)) : grpc::Status::OK;
}

bool TestCoordinator::WaitForStream(int count) const {
  return Eventually([&] {
    base::MutexLock lock(mu_);
    return streams_ >= count;
  });
}

bool TestCoordinator::WaitFor(const std::function<bool(const v1::SessionRequest&)>& wanted) const {
  return Eventually([&] {
    for (const v1::SessionRequest& request : requests()) {
      if (wanted(request)) return true;
    }
    return false;
  });
}

void TestCoordinator::Send(const v1::SessionResponse& response) {
  const bool sent = Eventually([&] {
    base::MutexLock lock(mu_);
    return up_ != nullptr && up_->Write(response);
  });
  if (!sent) ADD_FAILURE() << "no stream to send to";
}

void TestCoordinator::Break() {
  base::MutexLock lock(mu_);
  if (context_ != nullptr) context_->TryCancel();
}

std::vector<v1::SessionRequest> TestCoordinator::requests() const {
  base::MutexLock lock(mu_);
  return requests_;
}

v1::Hello TestCoordinator::last_hello() const {
  v1::Hello hello;
  for (const v1::SessionRequest& request : requests()) {
    if (request.has_hello()) hello = request.hello();
  }
  return hello;
}

std::vector<v1::CompleteRunRequest> TestCoordinator::reports() const {
  base::MutexLock lock(mu_);
  return reports_;
}

v1::SessionResponse GateResponse(v1::GateState state, const std::string& reason) {
  v1::SessionResponse response;
  response.mutable_gate()->set_state(state);
  response.mutable_gate()->set_reason(reason);
  return response;
}

v1::SessionResponse OfferResponse(const apply::LeaseToken& token, int first, int last) {
  v1::SessionResponse response;
  *response.mutable_lease_offer()->mutable_token() = agent::ToProto(token);
  response.mutable_lease_offer()->set_first(first);
  response.mutable_lease_offer()->set_last(last);
  return response;
}

v1::SessionResponse RevokedResponse(const apply::LeaseToken& token, const std::string& reason) {
  v1::SessionResponse response;
  *response.mutable_lease_revoked()->mutable_token() = agent::ToProto(token);
  response.mutable_lease_revoked()->set_reason(reason);
  return response;
}

}  // namespace lockstep::testing
