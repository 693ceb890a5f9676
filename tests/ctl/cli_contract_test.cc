// `lockstep contract` and `lockstep blockers` against a coordinator that says what the test wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/ctl/samples.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Contract : public ::testing::Test {
 protected:
  Contract() {
    fake_.start_contract = [this](const auto& request, v1::StartContractResponse* response) {
      requests_.push_back(request);
      *response->mutable_operation() = request.validate_only() ? v1::Operation() : Draining();
      *response->mutable_operation()->mutable_contract() = ctl::samples::Contract();
      return absl::OkStatus();
    };
    fake_.watch_operation = [this](auto*, auto* writer) {
      for (const v1::Operation& operation : {Draining(), end_}) {
        v1::WatchOperationResponse response;
        *response.mutable_operation() = operation;
        writer->Write(response);
      }
      return absl::OkStatus();
    };
  }
  static v1::Operation Draining() {
    v1::Operation operation = RunningOperation(13);
    operation.set_kind(v1::OPERATION_KIND_CONTRACT);
    operation.set_waiting_for("drains: 1 of 3 instances has left; still there: core 2 live");
    return operation;
  }
  static v1::Operation Ended(v1::OperationState state) {
    v1::Operation operation = DoneOperation(14);
    operation.set_kind(v1::OPERATION_KIND_CONTRACT);
    operation.set_target(13);
    operation.set_state(state);
    return operation;
  }

  FakeCoordinator fake_;
  v1::Operation end_ = Ended(v1::OPERATION_STATE_SUCCEEDED);
  std::vector<v1::StartContractRequest> requests_;
};

TEST_F(Contract, IsCheckedStartedAndFollowedToItsEnd) {
  const CommandResult result =
      RunLockstep(fake_, {"contract", "13", "--when-drained", "--deadline", "7d", "--soak", "1h",
                          "--accept-unknown", "reads only", "--reason", "release 42"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "contract 13 has run (1.2 s after it was asked for)\n");
  EXPECT_THAT(result.err, HasSubstr("touches users.legacy_role; it concerns 2 of 31 instances"));
  EXPECT_THAT(result.err, HasSubstr("contract 13: drains: 1 of 3 instances has left"));
  ASSERT_EQ(requests_.size(), 2);
  EXPECT_TRUE(requests_[0].validate_only());
  const v1::StartContractRequest& started = requests_[1];
  EXPECT_FALSE(started.validate_only());
  EXPECT_EQ(started.version(), 13);
  EXPECT_TRUE(started.when_drained());
  EXPECT_EQ(started.deadline().seconds(), 7 * 24 * 3600);
  EXPECT_EQ(started.soak().seconds(), 3600);
  EXPECT_EQ(started.accept_unknown(), "reads only");
  EXPECT_EQ(started.reason(), "release 42");
  EXPECT_EQ(started.request_id(), requests_[0].request_id());
}

TEST_F(Contract, EndsWith5AndNamesEverybodyWhenItIsBlocked) {
  fake_.start_contract = [](const auto&, auto*) {
    base::ErrorInfo info{
        .reason = "BLOCKED",
        .hint = "deploy builds that are adapted to 13",
        .blockers = {{"contract", "13 drop_legacy_role", "touches users.legacy_role"},
                     {"session", "core@8d02  pod", "live, adapted to 12"}}};
    return base::MakeError(absl::StatusCode::kFailedPrecondition,
                           "contract 13 is blocked: 1 of 31 instances still needs the old shape",
                           std::move(info));
  };
  const CommandResult result = RunLockstep(fake_, {"contract", "13"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_EQ(result.err,
            "error: contract 13 is blocked: 1 of 31 instances still needs the old shape\n"
            "  13 drop_legacy_role  touches users.legacy_role\n"
            "  core@8d02  pod       live, adapted to 12\n"
            "  hint: deploy builds that are adapted to 13\n");
}

TEST_F(Contract, EndsWith5WhenItsDeadlinePassed) {
  end_ = Ended(v1::OPERATION_STATE_FAILED);
  end_.mutable_error()->set_reason("DEADLINE_PASSED");
  end_.mutable_error()->set_message("its deadline passed and its barrier is lifted");
  end_.mutable_error()->set_hint("`lockstep blockers 13` shows who is in the way");
  const CommandResult result = RunLockstep(fake_, {"contract", "13", "--when-drained"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("error: contract 13 did not run: its deadline passed"));
  EXPECT_THAT(result.err, HasSubstr("hint: `lockstep blockers 13`"));
}

// What it says to type runs this contract, and nothing else that is pending.
TEST_F(Contract, AFailureInItsSqlSaysHowToTryThisContractAgain) {
  end_ = Ended(v1::OPERATION_STATE_FAILED);
  end_.set_operation_id("op-91bc");
  v1::RunError& error = *end_.mutable_error();
  error.set_version(13);
  error.set_reason("SQL_ERROR");
  error.set_message("column \"legacy_role\" does not exist");
  CommandResult result = RunLockstep(fake_, {"contract", "13"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_THAT(result.err,
              HasSubstr("hint: remove the cause, then `lockstep contract 13`; `lockstep operations "
                        "retry op-91bc` asks for it with the same flags\n"));
  EXPECT_THAT(result.err, Not(HasSubstr("lockstep upgrade")));
  error.set_retryable(true);
  EXPECT_THAT(RunLockstep(fake_, {"contract", "13"}).err,
              HasSubstr("hint: `lockstep contract 13` tries again"));
  error.set_agent_unfit(true);
  EXPECT_THAT(RunLockstep(fake_, {"contract", "13"}).err,
              HasSubstr("--migrate-database, then `lockstep contract 13`"));
  error.set_reason("LOCK_BUSY");
  result = RunLockstep(fake_, {"contract", "13"});
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("`lockstep contract 13 --terminate-idle-blockers 30s`"));
  EXPECT_THAT(result.err, Not(HasSubstr("lockstep upgrade")));
}

TEST_F(Contract, WithoutWaitingItsIdIsAllThatIsPrinted) {
  const CommandResult result = RunLockstep(fake_, {"contract", "13", "--no-wait"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "op-7f3a\n");
}

TEST_F(Contract, SaysWhatItDoesNotUnderstand) {
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"contract", "two"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"contract", "13", "--deadline", "7d"})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"contract", "13", "--accept-unknown", ""})), 2);
  EXPECT_EQ(CodeOf(RunLockstep(fake_, {"blockers", "x"})), 2);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(Contract, BlockersAreShownByServiceAndBuild) {
  v1::ListBlockersRequest asked;
  fake_.list_blockers = [&](const auto& request, v1::ListBlockersResponse* response) {
    asked = request;
    *response->add_contracts() = ctl::samples::Contract();
    return absl::OkStatus();
  };
  CommandResult result = RunLockstep(fake_, {"blockers", "13"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(asked.version(), 13);
  EXPECT_THAT(result.out, HasSubstr("CONTRACT  13 drop_legacy_role   touches users.legacy_role"));
  EXPECT_THAT(result.out, HasSubstr("metabase"));
  EXPECT_THAT(result.out, Not(HasSubstr("SELECT legacy_role")));
  EXPECT_THAT(result.out, HasSubstr("next: "));
  result = RunLockstep(fake_, {"blockers", "-o", "wide"});
  EXPECT_THAT(result.out, HasSubstr("SELECT legacy_role"));
  EXPECT_EQ(asked.version(), 0);
  result = RunLockstep(fake_, {"blockers", "-o", "jsonl"});
  EXPECT_EQ(nlohmann::json::parse(result.out).at("version"), 13);
}

TEST_F(Contract, BlockersOfNoContractAreNone) {
  fake_.list_blockers = [](const auto&, auto*) { return absl::OkStatus(); };
  const CommandResult result = RunLockstep(fake_, {"blockers"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("no contract waits"));
}

}  // namespace
}  // namespace lockstep::testing
