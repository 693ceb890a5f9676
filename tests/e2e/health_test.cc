// Probes and tools that know only the standard services find what they look for.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "grpc/health/v1/health.grpc.pb.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    cluster_.StartCoordinator();
    channel_ = grpc::CreateChannel(cluster_.socket(), grpc::InsecureChannelCredentials());
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    HealthCheckRequest request;
    request.set_service(service);
    return Health::NewStub(channel_)->Check(&context, request, response);
  }

  Cluster cluster_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(HealthTest, TheServerAndEachOfItsServicesAreServing) {
  for (const char* service : {"", "lockstep.v1.AgentService", "lockstep.v1.ReleaseService",
                              "lockstep.v1.OperationService", "lockstep.v1.StatusService"}) {
    HealthCheckResponse response;
    const grpc::Status status = Check(service, &response);
    EXPECT_TRUE(status.ok()) << service << ": " << status.error_message();
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << service;
  }
  HealthCheckResponse response;
  EXPECT_EQ(Check("lockstep.v1.Nothing", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthTest, AFollowerServesToo) {
  ASSERT_TRUE(cluster_.coordinator().WaitForOutput("leadership won"));
  cluster_.StartCoordinator("b");
  channel_ = grpc::CreateChannel(cluster_.socket("b"), grpc::InsecureChannelCredentials());
  HealthCheckResponse response;
  EXPECT_TRUE(Check("", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, AWatcherHearsOfTheShutdownBeforeTheStreamEnds) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto reader = Health::NewStub(channel_)->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  cluster_.coordinator().Signal(SIGTERM);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(cluster_.coordinator().Wait(), ExitStatus{});
}

TEST_F(HealthTest, AWatcherOfAnUnknownServiceIsToldSo) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  HealthCheckRequest request;
  request.set_service("lockstep.v1.Nothing");
  const auto reader = Health::NewStub(channel_)->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
}

// Sends one message of the reflection service and returns the answer, both as bytes.
std::string Reflect(const std::shared_ptr<grpc::Channel>& channel, const std::string& message) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  void* tag = nullptr;
  bool ok = false;
  const auto done = [&] { return queue.Next(&tag, &ok) && ok; };
  grpc::Slice slice(message);
  std::string answer;
  call->StartCall(nullptr);
  if (!done()) return "no call";
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  if (!done()) return "no write";
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  if (done()) {
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(response.Dump(&slices).ok());
    for (const grpc::Slice& each : slices) {
      answer.append(reinterpret_cast<const char*>(each.begin()), each.size());
    }
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  done();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return answer;
}

TEST_F(HealthTest, ReflectionListsTheServicesAndTellsTheirFiles) {
  // list_services (field 7), then file_containing_symbol (field 4).
  const std::string services = Reflect(channel_, std::string("\x3a\x00", 2));
  EXPECT_THAT(services, HasSubstr("lockstep.v1.AgentService"));
  EXPECT_THAT(services, HasSubstr("lockstep.v1.StatusService"));
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
  const std::string name = "grpc.health.v1.Health";
  const std::string file =
      Reflect(channel_, "\x22" + std::string(1, static_cast<char>(name.size())) + name);
  EXPECT_THAT(file, HasSubstr("HealthCheckResponse"));
}

}  // namespace
}  // namespace lockstep::testing
