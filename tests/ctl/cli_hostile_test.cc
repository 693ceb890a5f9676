// A coordinator, or an instance behind it, that says things to attack a terminal: nothing that the
// program writes may contain a control character but the line feed.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

constexpr char kEvil[] = "\x1b[2J\x1b]0;owned\x07\r\nerror: forged \xe2\x80\xae gnp.exe";

v1::Operation EvilOperation(v1::OperationState state) {
  v1::Operation operation = RunningOperation(2);
  operation.set_operation_id(kEvil);
  operation.set_state(state);
  operation.set_actor(kEvil);
  operation.set_reason(kEvil);
  operation.set_error_file(kEvil);
  operation.set_waiting_for(kEvil);
  operation.mutable_error()->set_version(2);
  operation.mutable_error()->set_reason(kEvil);
  operation.mutable_error()->set_sqlstate("42P01");
  operation.mutable_error()->set_message(kEvil);
  operation.mutable_error()->set_detail(kEvil);
  operation.mutable_error()->set_hint(kEvil);
  operation.mutable_error()->set_statement_text(kEvil);
  v1::LockWait& wait = *operation.mutable_error()->mutable_lock_wait();
  wait.set_relation(kEvil);
  v1::LockBlocker& blocker = *wait.add_blockers();
  blocker.set_pid(7);
  blocker.set_role(kEvil);
  blocker.set_application_name(kEvil);
  blocker.set_state(kEvil);
  blocker.set_query(kEvil);
  *operation.mutable_running()->mutable_lock_wait() = wait;
  v1::Attempt& attempt = *operation.add_recent_attempts();
  attempt.set_holder(kEvil);
  *attempt.mutable_error() = operation.error();
  return operation;
}

v1::ClusterStatus EvilStatus() {
  v1::ClusterStatus status;
  status.set_database(kEvil);
  status.set_server_version(kEvil);
  status.mutable_leader()->set_address(kEvil);
  *status.mutable_operation() = EvilOperation(v1::OPERATION_STATE_RUNNING);
  auto* service = status.add_services();
  service->set_service("core");
  auto* instance = service->add_instances();
  instance->set_instance(kEvil);
  instance->set_build(kEvil);
  instance->set_state(kEvil);
  instance->set_migrate_error(kEvil);
  instance->mutable_gate()->set_state(v1::GATE_STATE_REFUSED);
  instance->mutable_gate()->set_reason(kEvil);
  instance->mutable_gate()->set_detail(kEvil);
  instance->mutable_gate()->set_hint(kEvil);
  status.add_backfills()->set_name(kEvil);
  return status;
}

v1::Event EvilEvent() {
  v1::Event event;
  event.set_sequence(1);
  event.set_kind(kEvil);
  event.set_operation_id(kEvil);
  auto& detail = *event.mutable_detail()->mutable_fields();
  detail[kEvil].set_string_value(kEvil);
  (*detail["nested"].mutable_struct_value()->mutable_fields())[kEvil].set_string_value(kEvil);
  return event;
}

class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    fake_.get_status = [](const auto&, auto* response) {
      *response->mutable_status() = EvilStatus();
      return absl::OkStatus();
    };
    fake_.watch_status = [](auto*, auto* writer) {
      v1::WatchStatusResponse response;
      *response.mutable_status() = EvilStatus();
      writer->Write(response);
      return absl::OkStatus();
    };
    fake_.plan = [](const auto&, v1::PlanUpgradeResponse* plan) {
      auto* migration = plan->add_migrations();
      migration->mutable_ref()->set_version(2);
      migration->mutable_ref()->set_title(kEvil);
      migration->add_statements()->set_sql(kEvil);
      return absl::OkStatus();
    };
    fake_.start = [](const auto&, auto* response) {
      *response->mutable_operation() = EvilOperation(v1::OPERATION_STATE_RUNNING);
      return absl::OkStatus();
    };
    fake_.watch_operation = [](auto*, auto* writer) {
      for (const auto state : {v1::OPERATION_STATE_RUNNING, v1::OPERATION_STATE_FAILED}) {
        v1::WatchOperationResponse response;
        *response.mutable_operation() = EvilOperation(state);
        writer->Write(response);
      }
      return absl::OkStatus();
    };
    fake_.get_operation = [](const auto&, auto* response) {
      *response->mutable_operation() = EvilOperation(v1::OPERATION_STATE_FAILED);
      return absl::OkStatus();
    };
    fake_.list_operations = [](const auto&, auto* response) {
      *response->add_operations() = EvilOperation(v1::OPERATION_STATE_FAILED);
      return absl::OkStatus();
    };
    fake_.list_migrations = [](const auto&, auto* response) {
      auto* migration = response->add_migrations();
      migration->mutable_ref()->set_title(kEvil);
      migration->set_applied_by(kEvil);
      migration->set_how(kEvil);
      return absl::OkStatus();
    };
    SetLists();
    fake_.pause = [](const auto&, auto* response) {
      *response->mutable_operation() = EvilOperation(v1::OPERATION_STATE_PAUSED);
      return absl::OkStatus();
    };
    fake_.resume = [](const auto&, auto* response) {
      *response->mutable_operation() = EvilOperation(v1::OPERATION_STATE_RUNNING);
      return absl::OkStatus();
    };
    fake_.retry = [](const auto&, auto* response) {
      *response->mutable_operation() = EvilOperation(v1::OPERATION_STATE_RUNNING);
      return absl::OkStatus();
    };
    fake_.cancel = [](const auto&, auto*) {
      base::ErrorInfo info = {.reason = kEvil,
                              .metadata = {{"effect", kEvil}, {kEvil, kEvil}},
                              .hint = kEvil,
                              .blockers = {{kEvil, kEvil, kEvil}}};
      return base::MakeError(absl::StatusCode::kFailedPrecondition, kEvil, info);
    };
  }

  void SetLists() {
    fake_.list_instances = [](const auto&, auto* response) {
      v1::InstanceStatus instance = EvilStatus().services(0).instances(0);
      instance.set_service(kEvil);
      instance.set_session_id(kEvil);
      instance.set_via(kEvil);
      *response->add_instances() = instance;
      instance.mutable_gate()->set_state(v1::GATE_STATE_OPEN);
      *response->add_instances() = instance;
      return absl::OkStatus();
    };
    fake_.list_leases = [](const auto&, auto* response) {
      auto* lease = response->add_leases();
      lease->set_holder(kEvil);
      lease->set_operation_id(kEvil);
      lease->set_session_id(kEvil);
      lease->mutable_error()->set_message(kEvil);
      return absl::OkStatus();
    };
    fake_.list_events = [](const auto&, auto* response) {
      *response->add_events() = EvilEvent();
      return absl::OkStatus();
    };
    fake_.watch_events = [](const auto&, auto* writer) {
      v1::WatchEventsResponse response;
      *response.add_events() = EvilEvent();
      writer->Write(response);
      return absl::OkStatus();
    };
    fake_.export_chain = [](auto*, auto* writer) {
      v1::ExportChainResponse response;
      response.set_text(absl::StrReplaceAll(kEvil, {{"\r\nerror: forged", ""}}));
      response.set_last(true);
      writer->Write(response);
      return absl::OkStatus();
    };
  }

  FakeCoordinator fake_;
};

const std::vector<std::vector<std::string>>& Commands() {
  static const auto* const kCommands = new std::vector<std::vector<std::string>>{
      {"status"},
      {"status", "core"},
      {"plan"},
      {"upgrade", "-v"},
      {"upgrade", "--no-wait"},
      {"history"},
      {"operations", "list"},
      {"operations", "get", "x"},
      {"operations", "cancel", "x", "-v"},
      {"wait", "--for", "version=99", "--timeout", "300ms"},
      {"wait", "--for", "gate=core"},
      {"wait", "--for", "operation=x"},
      {"operations", "watch", "x"},
      {"instances"},
      {"instances", "get", "x"},
      {"leases"},
      {"events", "--after", "0"},
      {"events", "--follow", "--after", "0", "--limit", "1"},
      {"chain", "export"},
      {"status", "--watch", "--timeout", "300ms"},
      {"status", "core", "--watch", "--timeout", "300ms"},
      {"operations", "pause", "x"},
      {"operations", "resume", "x"},
      {"operations", "retry", "x"},
  };
  return *kCommands;
}

TEST_F(Hostile, NothingReachesATerminalUnescaped) {
  for (const auto& words : Commands()) {
    const CommandResult result = RunLockstep(fake_, words);
    ASSERT_TRUE(result.exit.has_value()) << ::testing::PrintToString(words);
    for (const std::string& text : {result.out, result.err}) {
      EXPECT_EQ(text, ctl::SanitizeText(text)) << ::testing::PrintToString(words);
      EXPECT_EQ(text.find("\nerror: forged"), std::string::npos) << text;
    }
    EXPECT_NE(result.out + result.err, "") << ::testing::PrintToString(words);
  }
}

TEST_F(Hostile, SqlKeepsItsLinesButNoControlCharacters) {
  const CommandResult result = RunLockstep(fake_, {"plan", "--sql"});
  EXPECT_EQ(result.out, ctl::SanitizeText(result.out));
  EXPECT_EQ(CodeOf(result), 0);
}

// One document; of something that is watched, one a line.
bool IsJson(const std::string& text) {
  if (nlohmann::json::accept(text)) return true;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  return std::all_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return nlohmann::json::accept(line); });
}

TEST_F(Hostile, JsonIsStillJson) {
  for (std::vector<std::string> words : Commands()) {
    words.insert(words.end(), {"-o", "json"});
    const CommandResult result = RunLockstep(fake_, words);
    EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << ::testing::PrintToString(words);
    if (!result.out.empty()) {
      EXPECT_TRUE(IsJson(result.out)) << result.out;
    }
    if (!result.err.empty()) {
      EXPECT_TRUE(nlohmann::json::accept(result.err)) << result.err;
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
