#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void AddStep(v1::PlanUpgradeResponse* plan, int version, const char* title) {
  auto* migration = plan->add_migrations();
  migration->mutable_ref()->set_version(version);
  migration->mutable_ref()->set_title(title);
  migration->set_phase(v1::PHASE_EXPAND);
  migration->set_transactional(true);
}

class Upgrade : public ::testing::Test {
 protected:
  Upgrade() {
    fake_.plan = [](const auto&, v1::PlanUpgradeResponse* plan) {
      plan->set_applied(0);
      plan->set_head(2);
      plan->set_target(2);
      plan->set_migrators(1);
      plan->set_plan_digest("digest");
      AddStep(plan, 1, "users");
      AddStep(plan, 2, "roles");
      return absl::OkStatus();
    };
    fake_.start = [this](const auto& request, v1::StartUpgradeResponse* response) {
      started_ = request;
      *response->mutable_operation() = RunningOperation(2);
      return absl::OkStatus();
    };
    fake_.watch_operation = [this](auto*, auto* writer) {
      Send(writer, Step(1, "users"));
      Send(writer, Step(2, "roles"));
      Send(writer, end_);
      return absl::OkStatus();
    };
  }

  static v1::Operation Step(int version, const char* title) {
    v1::Operation operation = RunningOperation(2);
    auto* step = operation.mutable_running();
    step->set_version(version);
    step->set_title(title);
    step->set_statement(1);
    step->set_statements(3);
    step->set_holder("core@pod-1");
    return operation;
  }

  static void Send(grpc::ServerWriter<v1::WatchOperationResponse>* writer,
                   const v1::Operation& operation) {
    v1::WatchOperationResponse response;
    *response.mutable_operation() = operation;
    writer->Write(response);
  }

  static v1::Operation Failed() {
    v1::Operation operation = RunningOperation(2);
    operation.set_state(v1::OPERATION_STATE_FAILED);
    operation.set_applied(1);
    operation.set_error_file("002_roles.sql");
    auto* error = operation.mutable_error();
    error->set_version(2);
    error->set_statement(4);
    error->set_line(12);
    error->set_column(5);
    error->set_sqlstate("42P01");
    error->set_message("relation \"users\" does not exist");
    error->set_detail("some detail");
    error->set_hint("some hint");
    return operation;
  }

  CommandResult Run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), "upgrade");
    return RunLockstep(fake_, std::move(words));
  }

  FakeCoordinator fake_;
  v1::Operation end_ = DoneOperation(2);
  v1::StartUpgradeRequest started_;
};

TEST_F(Upgrade, PlansStartsAndFollowsToTheEnd) {
  const CommandResult result = Run({"--reason", "release 42"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out, "applied 2 (2 migrations in 1.2 s)\n");
  EXPECT_THAT(result.err, HasSubstr("0 -> 2: 2 migrations (1..2)\n"));
  EXPECT_THAT(result.err, HasSubstr("running 1 users  statement 1/3  on core@pod-1"));
  EXPECT_THAT(result.err, HasSubstr("running 2 roles"));
  EXPECT_EQ(started_.plan_digest(), "digest");
  EXPECT_EQ(started_.reason(), "release 42");
  EXPECT_TRUE(base::IsUuid(started_.request_id()));
}

TEST_F(Upgrade, ShowsWhatItWaitsFor) {
  fake_.watch_operation = [this](auto*, auto* writer) {
    v1::Operation waiting = RunningOperation(2);
    waiting.set_waiting_for("no agent with --migrate-database is connected");
    Send(writer, waiting);
    Send(writer, end_);
    return absl::OkStatus();
  };
  EXPECT_THAT(Run().err, HasSubstr("waiting: no agent with --migrate-database is connected\n"));
}

TEST_F(Upgrade, ShowsHowFarTheBackfillIsThatItWaitsFor) {
  fake_.watch_operation = [this](auto*, auto* writer) {
    v1::Operation waiting = RunningOperation(2);
    waiting.set_waiting_for("version 2 waits for backfill fill: 51 % of 10000 rows");
    v1::Backfill& backfill = *waiting.mutable_backfill();
    backfill.set_name("fill");
    backfill.set_state("running");
    backfill.set_rows_total(10'000);
    backfill.set_rows_per_second(2300);
    backfill.mutable_eta()->set_seconds(2);
    backfill.mutable_lag()->set_seconds(1);
    for (const int rows : {5100, 5200, 6100}) {
      backfill.set_rows_done(rows);
      Send(writer, waiting);
    }
    backfill.set_standing("replica: it is behind");
    Send(writer, waiting);
    Send(writer, end_);
    return absl::OkStatus();
  };
  const std::string err = Run().err;
  EXPECT_THAT(err, HasSubstr("waiting for backfill fill  █████░░░░░  51 %  5100 of 10000 rows  "
                             "2300/s  eta 2.0 s  lag 1.0 s\n"));
  EXPECT_THAT(err, Not(HasSubstr("5200 of"))) << "a line each ten percent";
  EXPECT_THAT(err, HasSubstr("6100 of"));
  EXPECT_THAT(err, HasSubstr("stands still: replica: it is behind\n"));
}

TEST_F(Upgrade, NamesTheContractsThatWait) {
  end_.add_contracts_waiting(1);
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out,
            "applied 2 (2 migrations in 1.2 s)\n1 contract waiting: lockstep contract 1\n");
}

TEST_F(Upgrade, HasNothingToDo) {
  fake_.plan = [](const auto&, auto* plan) {
    plan->set_applied(2);
    return absl::OkStatus();
  };
  fake_.start = [](const auto&, auto* response) {
    *response->mutable_operation() = DoneOperation(2);
    return absl::OkStatus();
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "up to date at 2\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Upgrade, ReportsAFailedMigrationWithAllItsFacts) {
  end_ = Failed();
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              HasSubstr("error: migration 2 roles failed\n"
                        "  002_roles.sql:12:5  statement 4\n"
                        "  PostgreSQL: relation \"users\" does not exist (SQLSTATE 42P01)\n"
                        "  detail: some detail\n"
                        "  PostgreSQL's hint: some hint\n"
                        "  nothing of version 2 was applied; the database is at 1\n"
                        "  operation op-7f3a\n"
                        "  hint: remove the cause, then `lockstep upgrade`\n"));
}

TEST_F(Upgrade, DoesNotPromiseARollbackOutsideATransaction) {
  end_ = Failed();
  fake_.plan = [](const auto&, auto* plan) {
    AddStep(plan, 2, "roles");
    plan->mutable_migrations(0)->set_transactional(false);
    return absl::OkStatus();
  };
  const CommandResult result = Run();
  EXPECT_THAT(result.err, HasSubstr("runs outside a transaction"));
  EXPECT_THAT(result.err, Not(HasSubstr("nothing of version 2")));
}

TEST_F(Upgrade, PrintsTheOperationAndTheErrorAsJson) {
  end_ = Failed();
  const CommandResult result = Run({"-o", "json"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(nlohmann::json::parse(result.out).at("state"), "OPERATION_STATE_FAILED");
  const auto error = nlohmann::json::parse(result.err).at("error");
  EXPECT_EQ(error.at("reason"), "MIGRATION_FAILED");
  EXPECT_EQ(error.at("metadata").at("sqlstate"), "42P01");
}

TEST_F(Upgrade, EndsWith5WhenSomethingBlocksIt) {
  end_ = RunningOperation(2);
  end_.set_state(v1::OPERATION_STATE_FAILED);
  end_.mutable_error()->set_version(2);
  end_.mutable_error()->set_message("version 2 needs backfill x, which has not run");
  end_.mutable_error()->set_reason("BLOCKED");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("error: the upgrade is blocked: version 2 needs backfill x"));
  EXPECT_THAT(result.err, HasSubstr("hint: `lockstep plan`"));
  // The reason decides, and the error's own hint is the better one.
  end_.mutable_error()->set_reason("NO_FIT_AGENT");
  end_.mutable_error()->set_hint("give it the role");
  const CommandResult unfit = Run({"-o", "json"});
  EXPECT_EQ(CodeOf(unfit), 5);
  const auto error = nlohmann::json::parse(unfit.err).at("error");
  EXPECT_EQ(error.at("reason"), "NO_FIT_AGENT");
  EXPECT_EQ(error.at("hint"), "give it the role");
  end_.mutable_error()->clear_reason();
  EXPECT_EQ(CodeOf(Run()), 1);
}

TEST_F(Upgrade, ThatNobodyLivedToReportIsGivenUpWithTheCoordinatorsAdvice) {
  end_ = RunningOperation(2);
  end_.set_state(v1::OPERATION_STATE_FAILED);
  end_.mutable_error()->set_version(2);
  end_.mutable_error()->set_reason("HOLDERS_LOST");
  end_.mutable_error()->set_message("version 2 was taken back 5 times in a row");
  end_.mutable_error()->set_hint("look at the logs of these agents");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("error: the upgrade was given up: version 2 was taken back 5"));
  EXPECT_THAT(result.err, HasSubstr("hint: look at the logs of these agents"));
}

TEST_F(Upgrade, ThatIsPausedSaysHowItGoesOn) {
  fake_.watch_operation = [this](auto*, auto* writer) {
    v1::WatchOperationResponse response;
    *response.mutable_operation() = RunningOperation(3);
    response.mutable_operation()->set_state(v1::OPERATION_STATE_PAUSED);
    response.mutable_operation()->set_applied(1);
    writer->Write(response);
    *response.mutable_operation() = end_;
    writer->Write(response);
    return absl::OkStatus();
  };
  EXPECT_THAT(Run().err,
              HasSubstr("paused at 1 of 3; `lockstep operations resume op-7f3a` goes on\n"));
}

TEST_F(Upgrade, StartsNothingThatCannotBegin) {
  fake_.plan = [](const auto&, auto* plan) {
    AddStep(plan, 1, "users");
    plan->mutable_migrations(0)->set_blocked_by("needs backfill x");
    return absl::OkStatus();
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 5);
  EXPECT_THAT(result.err, HasSubstr("error: migration 1 users is blocked\n  1 users  needs"));
  EXPECT_EQ(started_.request_id(), "");
}

TEST_F(Upgrade, NamesTheOperationThatIsInTheWay) {
  fake_.start = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kAborted, "OPERATION_IN_PROGRESS", "op-1 runs",
                           {{"operation_id", "op-1"}});
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 8);
  EXPECT_THAT(result.err, HasSubstr("hint: `lockstep operations watch op-1`\n"));
}

TEST_F(Upgrade, LeavesItAloneWithNoWait) {
  const CommandResult result = Run({"--no-wait", "--request-id", "build-17"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "op-7f3a\n");
  EXPECT_EQ(started_.request_id(), "build-17");
}

TEST_F(Upgrade, ReconnectsWhenTheStreamBreaks) {
  std::atomic<int> streams = 0;
  fake_.watch_operation = [&](auto*, auto* writer) -> absl::Status {
    Send(writer, Step(1, "users"));
    if (++streams < 3) {
      return base::MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
    }
    Send(writer, end_);
    return absl::OkStatus();
  };
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(streams, 3);
  EXPECT_THAT(result.err, HasSubstr("reconnecting: shutting down\n"));
}

TEST_F(Upgrade, SaysAtTheTimeoutThatTheWorkGoesOn) {
  fake_.watch_operation = [](grpc::ServerContext* context, auto* writer) {
    Send(writer, Step(1, "users"));
    EXPECT_TRUE(Eventually([&] { return context->IsCancelled(); }));
    return absl::OkStatus();
  };
  const CommandResult result = Run({"--timeout", "400ms"});
  EXPECT_EQ(CodeOf(result), 6);
  EXPECT_THAT(result.err, HasSubstr("error: no result within 400 ms; op-7f3a goes on\n"
                                    "  hint: `lockstep operations watch op-7f3a`"));
}

// The program that follows `words` until it is told something by `fake`, then gets `signal`.
ExitStatus Interrupted(FakeCoordinator& fake, int signal, std::string* err) {
  fake.watch_operation = [](grpc::ServerContext* context, auto* writer) {
    v1::WatchOperationResponse response;
    *response.mutable_operation() = RunningOperation(2);
    response.mutable_operation()->set_waiting_for("something");
    writer->Write(response);
    EXPECT_TRUE(Eventually([&] { return context->IsCancelled(); }));
    return absl::OkStatus();
  };
  auto program = Subprocess::Start(LockstepCommand(fake.address(), {"upgrade"}));
  if (!program.ok() || !(*program)->WaitForOutput("waiting: something")) return {.code = -1};
  (*program)->Signal(signal);
  const std::optional<ExitStatus> exit = (*program)->Wait();
  *err = (*program)->stderr_text();
  return exit.value_or(ExitStatus{.code = -1});
}

TEST_F(Upgrade, DetachesOnCtrlCAndSaysHowToReattach) {
  std::string err;
  EXPECT_EQ(Interrupted(fake_, SIGINT, &err), ExitStatus{.code = 130});
  EXPECT_THAT(err, HasSubstr("detached; op-7f3a goes on\n"
                             "  hint: `lockstep operations watch op-7f3a` re-attaches\n"));
}

TEST_F(Upgrade, DetachesOnSigterm) {
  std::string err;
  EXPECT_EQ(Interrupted(fake_, SIGTERM, &err), ExitStatus{.code = 143});
  EXPECT_THAT(err, HasSubstr("detached; op-7f3a goes on\n"));
}

// `script` gives the program a terminal.
CommandResult OnATerminal(const FakeCoordinator& fake, const std::string& answer) {
  SubprocessOptions options = LockstepCommand(fake.address(), {});
  options.argv = {"script", "-qec", std::string(LOCKSTEP_PROGRAM) + " upgrade", "/dev/null"};
  options.standard_input = answer;
  options.env["COLUMNS"] = "80";
  return RunCommand(options);
}

TEST_F(Upgrade, AsksAPersonAndTakesNoForNo) {
  const CommandResult result = OnATerminal(fake_, "n\n");
  EXPECT_EQ(CodeOf(result), 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("VERSION  TITLE"));
  EXPECT_THAT(result.out, HasSubstr("Start it? [y/N] "));
  EXPECT_THAT(result.out, HasSubstr("error: not confirmed; nothing was started"));
  EXPECT_EQ(started_.request_id(), "");
}

TEST_F(Upgrade, AsksAPersonAndTakesYesForYes) {
  const CommandResult result = OnATerminal(fake_, "y\n");
  EXPECT_EQ(CodeOf(result), 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("applied 2 (2 migrations in 1.2 s)"));
}

}  // namespace
}  // namespace lockstep::testing
