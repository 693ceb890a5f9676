#include "ctl/wait_for.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/errors.h"
#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::StatusIs;

using Kind = WaitVerdict::Kind;

TEST(ParseWaitTarget, ReadsTheThreeForms) {
  EXPECT_EQ(ParseWaitTarget("version=16")->version, 16);
  EXPECT_EQ(ParseWaitTarget("gate=platform-core")->name, "platform-core");
  EXPECT_EQ(ParseWaitTarget("operation=op-1")->name, "op-1");
  for (const char* text :
       {"", "version", "version=", "version=x", "version=-1", "gate=", "head=3"}) {
    EXPECT_THAT(ParseWaitTarget(text), StatusIs(absl::StatusCode::kInvalidArgument, kReasonUsage))
        << text;
  }
}

TEST(CheckVersion, SaysWhyNotYet) {
  v1::ClusterStatus status;
  status.mutable_chain()->set_applied(12);
  status.mutable_chain()->set_head(14);
  EXPECT_EQ(CheckVersion(status, 12).kind, Kind::kReached);
  EXPECT_EQ(CheckVersion(status, 16).text,
            "waiting for version 16: applied 12, version 16 is not published, the head is 14");
  EXPECT_EQ(CheckVersion(status, 14).text,
            "waiting for version 14: applied 12, no upgrade runs; `lockstep upgrade` starts one");
  auto* operation = status.mutable_operation();
  operation->set_state(v1::OPERATION_STATE_RUNNING);
  operation->set_waiting_for("no agent with --migrate-database is connected");
  EXPECT_EQ(CheckVersion(status, 14).text,
            "waiting for version 14: applied 12, waiting: no agent with --migrate-database is "
            "connected");
}

v1::InstanceStatus* AddInstance(v1::ClusterStatus& status, v1::GateState state) {
  if (status.services().empty()) status.add_services()->set_service("core");
  auto* instance = status.mutable_services(0)->add_instances();
  instance->set_instance("pod");
  instance->set_build("8d02b17");
  instance->set_state("live");
  instance->mutable_gate()->set_state(state);
  instance->mutable_gate()->set_detail("needs 14");
  return instance;
}

TEST(CheckServiceGate, OpensWhenAllThatStayMayServe) {
  v1::ClusterStatus status;
  EXPECT_EQ(CheckServiceGate(status, "core").kind, Kind::kNotYet);
  AddInstance(status, v1::GATE_STATE_OPEN);
  EXPECT_EQ(CheckServiceGate(status, "core").kind, Kind::kReached);
  v1::InstanceStatus* second = AddInstance(status, v1::GATE_STATE_WAIT);
  EXPECT_EQ(CheckServiceGate(status, "core").text, "1 of 2 wait: pod: needs 14");
  second->set_state("draining");
  EXPECT_EQ(CheckServiceGate(status, "core").kind, Kind::kReached);
}

TEST(CheckServiceGate, AReservationIsNoInstanceYet) {
  v1::ClusterStatus status;
  AddInstance(status, v1::GATE_STATE_OPEN)->set_state("starting");
  EXPECT_EQ(CheckServiceGate(status, "core").text,
            "1 of 1 wait: pod: reserved by `lockstep-agent wait`");
}

TEST(CheckServiceGate, IsRefusedWhenOneInstanceIs) {
  v1::ClusterStatus status;
  AddInstance(status, v1::GATE_STATE_OPEN);
  AddInstance(status, v1::GATE_STATE_REFUSED)->mutable_gate()->set_hint("roll forward");
  const WaitVerdict verdict = CheckServiceGate(status, "core");
  EXPECT_EQ(verdict.kind, Kind::kRefused);
  EXPECT_EQ(verdict.text, "the gate refuses core@8d02b17 pod: needs 14");
  EXPECT_EQ(verdict.hint, "roll forward");
}

}  // namespace
}  // namespace lockstep::ctl
