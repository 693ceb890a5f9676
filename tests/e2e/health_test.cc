// Probes and tools that know only the standard services find what they look for.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

#include "tests/e2e/cluster.h"
#include "tests/e2e/probe.h"
#include "tests/support/eventually.h"
#include "tests/support/health_client.h"
#include "tests/support/temp_dir.h"

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

// A service under `lockstep-agent run`, from a closed gate to its end, as a balancer sees it.
TEST_F(HealthTest, AnAgentsHealthFollowsItsService) {
  TempDir directory;
  const std::string fifo = directory.File("end");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int)");
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  // It takes its time to end.
  auto agent = cluster_.StartAgent(
      {.flags = {"--grpc-health", "0"},
       .command = {"sh", "-c", "trap '' TERM; echo serves-now; cat \"$END\"; echo done"},
       .env = {{"END", fifo}}});
  const HealthClient client(absl::StrCat("127.0.0.1:", HealthPortOf(*agent)));
  const auto ready = client.Watch("");
  const auto gate = client.Watch("gate");
  const auto live = client.Watch("liveness");
  const auto unknown = client.Watch("shop");
  EXPECT_EQ(ready->Next(), "NOT_SERVING");
  EXPECT_EQ(gate->Next(), "NOT_SERVING");
  EXPECT_EQ(live->Next(), "SERVING");
  EXPECT_EQ(unknown->Next(), "SERVICE_UNKNOWN");
  EXPECT_EQ(client.Check("liveness"), "SERVING");
  EXPECT_EQ(client.Check("readiness"), "NOT_SERVING");
  EXPECT_EQ(client.Check("shop"), HealthError(grpc::StatusCode::NOT_FOUND));

  auto migrator =
      cluster_.StartAgent({.service = "migrator", .yaml = "needs: 0\n", .migrate = true});
  const CommandResult upgrade = cluster_.Ctl({"upgrade", "--yes"});
  ASSERT_EQ(upgrade.exit->code, 0) << upgrade.err;
  EXPECT_EQ(gate->Next(), "SERVING");
  EXPECT_EQ(ready->Next(), "SERVING");
  EXPECT_EQ(client.Check("readiness"), "SERVING");
  ASSERT_TRUE(agent->WaitForOutput("serves-now")) << agent->stderr_text();

  agent->Signal(SIGTERM);
  EXPECT_EQ(ready->Next(), "NOT_SERVING");
  EXPECT_EQ(client.Check("readiness"), "NOT_SERVING");
  EXPECT_EQ(client.Check("liveness"), "SERVING");
  EXPECT_EQ(agent->Wait(absl::ZeroDuration()), std::nullopt);
  close(open(fifo.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(agent->Wait(), ExitStatus{}) << agent->stderr_text();
  for (const auto* watch : {&ready, &gate, &live, &unknown}) {
    EXPECT_EQ((*watch)->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
  }
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
