// Following, pausing and resuming operations, and JSON a line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

class Hold : public ::testing::Test {
 protected:
  Hold() {
    fake_.get_operation = [](const auto&, auto* response) {
      *response->mutable_operation() = RunningOperation(16);
      return absl::OkStatus();
    };
    fake_.watch_operation = [](auto*, auto* writer) {
      for (const v1::Operation& operation : {RunningOperation(16), DoneOperation(16)}) {
        v1::WatchOperationResponse response;
        *response.mutable_operation() = operation;
        writer->Write(response);
      }
      return absl::OkStatus();
    };
  }

  FakeCoordinator fake_;
};

TEST_F(Hold, WatchFollowsAnOperationToItsEnd) {
  const CommandResult result = RunLockstep(fake_, {"operations", "watch", "op-7f3a"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "applied 16\n");
  EXPECT_THAT(result.err, HasSubstr("applied 0 of 16\n"));
}

TEST_F(Hold, WatchPrintsEachStateOnALineAsJson) {
  for (const char* format : {"json", "jsonl"}) {
    const CommandResult result =
        RunLockstep(fake_, {"operations", "watch", "op-7f3a", "-o", format});
    EXPECT_EQ(CodeOf(result), 0) << result.err;
    const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
    ASSERT_EQ(lines.size(), 2) << result.out;
    EXPECT_EQ(nlohmann::json::parse(lines[0]).at("state"), "OPERATION_STATE_RUNNING");
    EXPECT_EQ(nlohmann::json::parse(lines[1]).at("state"), "OPERATION_STATE_SUCCEEDED");
  }
}

TEST_F(Hold, WatchOfOneThatHasEndedSaysHow) {
  fake_.get_operation = [](const auto&, auto* response) {
    *response->mutable_operation() = DoneOperation(3);
    response->mutable_operation()->set_state(v1::OPERATION_STATE_CANCELLED);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake_, {"operations", "watch", "op-7f3a"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_THAT(result.err, HasSubstr("error: op-7f3a was cancelled\n"));
}

TEST_F(Hold, PauseSaysWhatStillRunsAndResumeThatItGoesOn) {
  v1::PauseOperationRequest paused;
  fake_.pause = [&](const auto& request, auto* response) {
    paused = request;
    v1::Operation operation = RunningOperation(16);
    operation.set_state(v1::OPERATION_STATE_PAUSED);
    operation.mutable_running()->set_version(4);
    *response->mutable_operation() = operation;
    return absl::OkStatus();
  };
  fake_.resume = [](const auto&, auto* response) {
    *response->mutable_operation() = RunningOperation(16);
    return absl::OkStatus();
  };
  const CommandResult pause =
      RunLockstep(fake_, {"operations", "pause", "op-7f3a", "--reason", "load"});
  EXPECT_EQ(pause.out, "op-7f3a is paused\n");
  EXPECT_EQ(pause.err, "version 4 was running and commits first\n");
  EXPECT_EQ(paused.operation_id(), "op-7f3a");
  EXPECT_EQ(paused.reason(), "load");
  EXPECT_NE(paused.actor(), "");
  const CommandResult resume = RunLockstep(fake_, {"operations", "resume", "op-7f3a"});
  EXPECT_EQ(resume.out, "op-7f3a is running\n");
  const CommandResult json = RunLockstep(fake_, {"operations", "pause", "op-7f3a", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(json.out).at("state"), "OPERATION_STATE_PAUSED");
}

TEST_F(Hold, AnUnknownOperationIsNamed) {
  fake_.pause = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kNotFound, "OPERATION_NOT_FOUND", "no operation op-x");
  };
  const CommandResult result = RunLockstep(fake_, {"operations", "pause", "op-x"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(result.err, "error: no operation op-x\n  hint: `lockstep operations list`\n");
}

TEST(JsonLines, AListIsAnObjectALineAndAnAnswerOneLine) {
  FakeCoordinator fake;
  fake.list_operations = [](const auto&, auto* response) {
    *response->add_operations() = RunningOperation(16);
    *response->add_operations() = DoneOperation(3);
    response->set_next_page_token("more");
    return absl::OkStatus();
  };
  const CommandResult list = RunLockstep(fake, {"operations", "list", "-o", "jsonl"});
  const std::vector<std::string> lines = absl::StrSplit(list.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2) << list.out;
  EXPECT_EQ(nlohmann::json::parse(lines[1]).at("applied"), 3);
  EXPECT_EQ(list.err, "");
  fake.get_status = [](const auto&, auto* response) {
    response->mutable_status()->set_database("shop");
    return absl::OkStatus();
  };
  const CommandResult answer = RunLockstep(fake, {"status", "-o", "jsonl"});
  EXPECT_EQ(std::count(answer.out.begin(), answer.out.end(), '\n'), 1) << answer.out;
  EXPECT_EQ(nlohmann::json::parse(answer.out).at("status").at("database"), "shop");
}

TEST(JsonLines, AnErrorIsALineToo) {
  FakeCoordinator fake;
  fake.get_operation = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kNotFound, "OPERATION_NOT_FOUND", "no operation op-x");
  };
  const CommandResult result = RunLockstep(fake, {"operations", "get", "op-x", "-o", "jsonl"});
  EXPECT_EQ(nlohmann::json::parse(result.err).at("error").at("reason"), "OPERATION_NOT_FOUND");
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"status", "-o", "xml"})), 2);
}

}  // namespace
}  // namespace lockstep::testing
