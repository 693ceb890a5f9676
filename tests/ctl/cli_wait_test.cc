#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

using StatusWriter = grpc::ServerWriter<v1::WatchStatusResponse>;

void Send(StatusWriter* writer, int applied, int head) {
  v1::WatchStatusResponse response;
  response.mutable_status()->mutable_chain()->set_applied(applied);
  response.mutable_status()->mutable_chain()->set_head(head);
  writer->Write(response);
}

void Hold(grpc::ServerContext* context) {
  while (!context->IsCancelled()) absl::SleepFor(absl::Milliseconds(10));
}

TEST(WaitVersion, SaysWhyNotYetAndReturnsOnceItIsApplied) {
  FakeCoordinator fake;
  fake.watch_status = [](grpc::ServerContext* context, StatusWriter* writer) {
    Send(writer, 12, 12);
    Send(writer, 12, 12);
    Send(writer, 12, 16);
    Send(writer, 16, 16);
    Hold(context);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"wait", "--for", "version=16"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "applied 16\n");
  EXPECT_EQ(result.err,
            "waiting for version 16: applied 12, version 16 is not published, the head is 12\n"
            "waiting for version 16: applied 12, no upgrade runs; `lockstep upgrade` starts one\n");
}

TEST(WaitVersion, EndsWith6AndTheLastReasonAtTheTimeout) {
  FakeCoordinator fake;
  fake.watch_status = [](grpc::ServerContext* context, StatusWriter* writer) {
    Send(writer, 12, 16);
    Hold(context);
    return absl::OkStatus();
  };
  const CommandResult result =
      RunLockstep(fake, {"wait", "--for", "version=16", "--timeout", "300ms"});
  EXPECT_EQ(CodeOf(result), 6);
  EXPECT_THAT(result.err, HasSubstr("error: no result within 300 ms; waiting for version 16"));
}

TEST(WaitVersion, GoesOnThroughARestart) {
  FakeCoordinator fake;
  std::atomic<int> streams = 0;
  fake.watch_status = [&](grpc::ServerContext*, StatusWriter* writer) -> absl::Status {
    Send(writer, streams == 0 ? 12 : 16, 16);
    return ++streams == 1 ? base::MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "bye")
                          : absl::OkStatus();
  };
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"wait", "--for", "version=16"})), 0);
  EXPECT_EQ(streams, 2);
}

TEST(WaitVersion, WaitsForTheCoordinatorOnlyWhenATimeIsGiven) {
  EXPECT_EQ(CodeOf(RunLockstep({"wait", "--for", "version=1"})), 7);
  const CommandResult result = RunLockstep({"wait", "--for", "version=1", "--timeout", "500ms"});
  EXPECT_EQ(CodeOf(result), 6);
  EXPECT_THAT(result.err, HasSubstr("no coordinator is reachable"));
}

TEST(WaitGate, EndsWith5WhenTheGateIsRefused) {
  FakeCoordinator fake;
  fake.watch_status = [](grpc::ServerContext* context, StatusWriter* writer) {
    v1::WatchStatusResponse response;
    auto* service = response.mutable_status()->add_services();
    service->set_service("core");
    auto* instance = service->add_instances();
    instance->set_instance("pod-1");
    instance->set_build("8d02b17");
    instance->mutable_gate()->set_state(v1::GATE_STATE_REFUSED);
    instance->mutable_gate()->set_detail("contract 13 has run");
    writer->Write(response);
    Hold(context);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"wait", "--for", "gate=core"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_EQ(result.err,
            "error: the gate refuses core@8d02b17 pod-1: contract 13 has run\n"
            "  hint: `lockstep status core`\n");
}

TEST(WaitOperation, ReattachesAndReportsTheEnd) {
  FakeCoordinator fake;
  fake.get_operation = [](const auto&, auto* response) {
    *response->mutable_operation() = RunningOperation(16);
    return absl::OkStatus();
  };
  fake.watch_operation = [](auto*, auto* writer) {
    v1::WatchOperationResponse response;
    *response.mutable_operation() = DoneOperation(16);
    writer->Write(response);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"wait", "--for", "operation=op-7f3a"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "applied 16\n");
}

TEST(WaitOperation, EndsWith1WhenItWasCancelled) {
  FakeCoordinator fake;
  fake.get_operation = [](const auto&, auto* response) {
    v1::Operation operation = DoneOperation(3);
    operation.set_state(v1::OPERATION_STATE_CANCELLED);
    *response->mutable_operation() = operation;
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"wait", "--for", "operation=op-7f3a"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(result.err, "error: op-7f3a was cancelled\n  the database is at 3\n");
}

TEST(WaitVersion, PrintsTheLastStateAsJson) {
  FakeCoordinator fake;
  fake.watch_status = [](grpc::ServerContext* context, StatusWriter* writer) {
    Send(writer, 16, 16);
    Hold(context);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"wait", "--for", "version=16", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(result.out).at("status").at("chain").at("applied"), 16);
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace lockstep::testing
