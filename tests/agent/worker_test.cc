// The worker's logic, driven by plain threads: no gRPC, no database.
#include "agent/worker.h"

#include <deque>
#include <functional>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using agent::Fitness;
using agent::LeaseOffer;
using apply::LeaseToken;
using apply::RunOutcome;
using apply::RunResult;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr agent::WorkerLimits kQuick = {
    .probe = {.base = absl::Milliseconds(2), .cap = absl::Milliseconds(5)},
    .call = {.base = absl::Milliseconds(1), .cap = absl::Milliseconds(2)},
    .fetch = absl::Milliseconds(200),
    .complete = absl::Seconds(20)};

LeaseOffer NewOffer(int first = 1, int last = 3) {
  static int64_t epoch = 0;
  return {.token = {.epoch = ++epoch, .lease_id = base::NewUuid()}, .first = first, .last = last};
}

// Makes a status afresh for each caller: the distribution's Abseil counts references to a shared
// one where ThreadSanitizer cannot see it.
using MakeStatus = std::function<absl::Status()>;

MakeStatus Ok() {
  return [] { return absl::OkStatus(); };
}
MakeStatus Unavailable(const std::string& message) {
  return [message] { return absl::UnavailableError(message); };
}
MakeStatus Denied(const std::string& message) {
  return [message] { return absl::PermissionDeniedError(message); };
}
MakeStatus Fenced() {
  return
      [] { return base::MakeError(absl::StatusCode::kFailedPrecondition, "FENCED", "taken over"); };
}

// Serves runs two versions at a time, and keeps the reports.
class FakeClient : public agent::RunClient {
 public:
  absl::StatusOr<agent::FetchedRun> FetchRun(const LeaseToken&, chain::Version from) override {
    base::MutexLock lock(mu_);
    ++fetches_;
    if (!fetch_failures_.empty()) {
      const MakeStatus failure = fetch_failures_.front();
      fetch_failures_.pop_front();
      return failure();
    }
    agent::FetchedRun run;
    for (chain::Version v = from; v <= last_ && v < from + 2; ++v) {
      run.items.push_back({.version = v, .title = "t", .sql = "", .digest = ""});
    }
    run.settings.owner_role = "owner";
    run.more = from + 1 < last_;
    return run;
  }

  absl::Status CompleteRun(const LeaseToken& token, const RunResult& result) override {
    base::MutexLock lock(mu_);
    ++attempts_;
    if (absl::Status failure = complete_failure_(); !failure.ok()) return failure;
    reports_.emplace_back(token, result);
    return absl::OkStatus();
  }

  void Interrupt() override { interrupted_ = true; }

  void set_last(chain::Version last) { last_ = last; }
  void FailFetch(const MakeStatus& status) {
    base::MutexLock lock(mu_);
    fetch_failures_.push_back(status);
  }
  void FailComplete(const MakeStatus& status) {
    base::MutexLock lock(mu_);
    complete_failure_ = status;
  }
  std::vector<std::pair<LeaseToken, RunResult>> reports() {
    base::MutexLock lock(mu_);
    return reports_;
  }
  int attempts() {
    base::MutexLock lock(mu_);
    return attempts_;
  }
  int fetches() {
    base::MutexLock lock(mu_);
    return fetches_;
  }
  bool interrupted() const { return interrupted_; }

 private:
  base::Mutex mu_;
  std::atomic<chain::Version> last_ = 3;
  std::atomic<bool> interrupted_ = false;
  int fetches_ ABSL_GUARDED_BY(mu_) = 0;
  int attempts_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<MakeStatus> fetch_failures_ ABSL_GUARDED_BY(mu_);
  MakeStatus complete_failure_ ABSL_GUARDED_BY(mu_) = Ok();
  std::vector<std::pair<LeaseToken, RunResult>> reports_ ABSL_GUARDED_BY(mu_);
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest()
      : worker_({.probe = [this](const std::string& owner) { return Probe(owner); },
                 .apply =
                     [this](const apply::RunSpec& spec, apply::Cancellation& cancellation,
                            const apply::Observer& observer) {
                       return Apply(spec, cancellation, observer);
                     }},
                &client_,
                {.fitness = [this](const Fitness& fitness) { Note(fitness); },
                 .answer = [this](const LeaseToken& token, bool accepted,
                                  const std::string& why) { Note(token, accepted, why); },
                 .progress =
                     [this](const LeaseToken&, const apply::Progress& progress) {
                       last_progress_ = progress.version;
                     }},
                kQuick) {}
  ~WorkerTest() override {
    release_ = true;
    worker_.Stop(absl::Seconds(10));
  }

  void StartFit() {
    worker_.Start();
    worker_.WaitForFirstProbe(kPatience);
    ASSERT_TRUE(worker_.fitness().can_migrate);
  }

  absl::Status Probe(const std::string& owner) {
    base::MutexLock lock(mu_);
    probed_owners_.push_back(owner);
    return probe_();
  }

  // Runs until it is released or cancelled.
  RunResult Apply(const apply::RunSpec& spec, const apply::Cancellation& cancellation,
                  const apply::Observer& observer) {
    {
      base::MutexLock lock(mu_);
      applied_.push_back(static_cast<int>(spec.items.size()));
    }
    observer({.version = spec.items.front().version});
    while (hold_ && !release_) {
      if (cancellation.WaitFor(absl::Milliseconds(1))) {
        return {.outcome = RunOutcome::kFailed,
                .error = apply::RunErrorOf(1, apply::CancelledError(cancellation.why()))};
      }
    }
    base::MutexLock lock(mu_);
    return result_;
  }

  void Note(const Fitness& fitness) {
    base::MutexLock lock(mu_);
    fitness_.push_back(fitness);
  }
  void Note(const LeaseToken&, bool accepted, const std::string& why) {
    base::MutexLock lock(mu_);
    answers_.push_back(accepted ? "accepted" : why);
  }

  std::vector<std::string> answers() {
    base::MutexLock lock(mu_);
    return answers_;
  }
  std::vector<int> applied() {
    base::MutexLock lock(mu_);
    return applied_;
  }
  std::vector<Fitness> fitness() {
    base::MutexLock lock(mu_);
    return fitness_;
  }
  void SetProbe(const MakeStatus& status) {
    base::MutexLock lock(mu_);
    probe_ = status;
  }
  void SetResult(const RunResult& result) {
    base::MutexLock lock(mu_);
    result_ = result;
  }
  bool WaitForReports(size_t count) {
    return Eventually([&] { return client_.reports().size() >= count; });
  }
  bool WaitUntilApplying(size_t count) {
    return Eventually([&] { return applied().size() >= count; });
  }

  base::Mutex mu_;
  MakeStatus probe_ ABSL_GUARDED_BY(mu_) = Ok();
  RunResult result_ ABSL_GUARDED_BY(mu_) = {.outcome = RunOutcome::kSucceeded, .committed = 3};
  std::vector<std::string> probed_owners_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> answers_ ABSL_GUARDED_BY(mu_);
  std::vector<int> applied_ ABSL_GUARDED_BY(mu_);
  std::vector<Fitness> fitness_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> hold_ = false;
  std::atomic<bool> release_ = false;
  std::atomic<int> last_progress_ = 0;
  FakeClient client_;
  agent::Worker worker_;  // Last: it ends first.
};

TEST_F(WorkerTest, FetchesAppliesAndReportsARun) {
  StartFit();
  client_.set_last(5);
  const LeaseOffer offer = NewOffer(1, 5);
  worker_.Offer(offer);
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_THAT(answers(), ElementsAre("accepted"));
  EXPECT_THAT(applied(), ElementsAre(5));
  EXPECT_EQ(client_.fetches(), 3);
  EXPECT_EQ(client_.reports()[0].first, offer.token);
  EXPECT_EQ(client_.reports()[0].second.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(last_progress_, 1);
  EXPECT_TRUE(Eventually([&] { return !worker_.held().has_value(); }));
}

TEST_F(WorkerTest, TakesNothingBeforeItsConnectionWasChecked) {
  worker_.Offer(NewOffer());
  EXPECT_THAT(answers(), ElementsAre("the migrator connection is not checked yet"));
}

TEST_F(WorkerTest, TriesAnUnfitConnectionAgainUntilItIsFit) {
  SetProbe(Unavailable("no database"));
  worker_.Start();
  worker_.WaitForFirstProbe(kPatience);
  worker_.Offer(NewOffer());
  EXPECT_THAT(answers(), ElementsAre("no database"));
  SetProbe(Ok());
  ASSERT_TRUE(Eventually([&] { return worker_.fitness().can_migrate; }));
  ASSERT_TRUE(Eventually([&] { return fitness().size() == 2; }));
  EXPECT_THAT(fitness(), ElementsAre(Fitness{false, "no database"}, Fitness{true, ""}));
}

TEST_F(WorkerTest, DeclinesWhileBusyAndAnswersARepeatedOfferAsBefore) {
  hold_ = true;
  StartFit();
  const LeaseOffer offer = NewOffer();
  worker_.Offer(offer);
  ASSERT_TRUE(WaitUntilApplying(1));
  worker_.Offer(offer);
  EXPECT_EQ(worker_.held(), offer.token);
  release_ = true;
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_THAT(answers(), ElementsAre("accepted", "accepted"));
  EXPECT_THAT(applied(), SizeIs(1));
}

TEST_F(WorkerTest, AnotherTokenMeansThatTheRunInFlightIsOver) {
  hold_ = true;
  StartFit();
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitUntilApplying(1));
  worker_.Offer(NewOffer());
  EXPECT_THAT(answers(), ElementsAre("accepted", "busy with another run"));
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(client_.reports()[0].second.error->reason, "CANCELLED");
}

TEST_F(WorkerTest, DeclinesWhenDrainingAndFinishesWhatRuns) {
  hold_ = true;
  StartFit();
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitUntilApplying(1));
  worker_.Drain();
  release_ = true;
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(client_.reports()[0].second.outcome, RunOutcome::kSucceeded);
  worker_.Offer(NewOffer());
  EXPECT_THAT(answers(), ElementsAre("accepted", "draining"));
}

TEST_F(WorkerTest, ARevokedRunIsCancelledAndReported) {
  hold_ = true;
  StartFit();
  const LeaseOffer offer = NewOffer();
  worker_.Offer(offer);
  ASSERT_TRUE(WaitUntilApplying(1));
  worker_.Revoke(NewOffer().token, "somebody else's");
  EXPECT_TRUE(worker_.held().has_value());
  worker_.Revoke(offer.token, "expired");
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(client_.reports()[0].second.error->reason, "CANCELLED");
}

TEST_F(WorkerTest, RefusesNonsense) {
  StartFit();
  LeaseOffer offer = NewOffer();
  offer.token.lease_id = "'; DROP";
  worker_.Offer(offer);
  worker_.Offer(NewOffer(0, 3));
  worker_.Offer(NewOffer(3, 2));
  worker_.Offer(NewOffer(1, 1 + apply::kMaxRunLength));
  EXPECT_THAT(answers(), ::testing::Each(std::string("the offer is malformed")));
  EXPECT_THAT(answers(), SizeIs(4));
}

TEST_F(WorkerTest, ARunWhoseSqlCannotBeHadIsNotStarted) {
  StartFit();
  client_.FailFetch(Unavailable("away"));
  client_.FailFetch(Fenced());
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(client_.fetches(), 2);
  EXPECT_EQ(client_.reports()[0].second.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(client_.reports()[0].second.error->reason, "FENCED");
  EXPECT_THAT(applied(), SizeIs(0));
}

TEST_F(WorkerTest, AnAnswerThatDoesNotFitTheRunIsNotApplied) {
  StartFit();
  client_.set_last(2);  // One short.
  worker_.Offer(NewOffer(1, 3));
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(client_.reports()[0].second.error->reason, "BAD_RUN");
  EXPECT_THAT(applied(), SizeIs(0));
}

TEST_F(WorkerTest, ReportsUntilSomebodyHears) {
  StartFit();
  client_.FailComplete(Unavailable("no coordinator"));
  const LeaseOffer offer = NewOffer();
  worker_.Offer(offer);
  ASSERT_TRUE(Eventually([&] { return client_.attempts() >= 3; }));
  EXPECT_EQ(worker_.held(), offer.token);
  client_.FailComplete(Ok());
  ASSERT_TRUE(WaitForReports(1));
}

TEST_F(WorkerTest, StopsReportingWhenFenced) {
  StartFit();
  client_.FailComplete(Fenced());
  worker_.Offer(NewOffer());
  ASSERT_TRUE(Eventually([&] { return client_.attempts() == 1 && !worker_.held().has_value(); }));
}

TEST_F(WorkerTest, ANewRunEndsTheReportingOfTheOldOne) {
  StartFit();
  client_.FailComplete(Unavailable("no coordinator"));
  worker_.Offer(NewOffer());
  ASSERT_TRUE(Eventually([&] { return client_.attempts() >= 1; }));
  const LeaseOffer next = NewOffer();
  worker_.Offer(next);
  EXPECT_EQ(worker_.held(), next.token);
  client_.FailComplete(Ok());
  ASSERT_TRUE(Eventually([&] {
    const auto reports = client_.reports();
    return !reports.empty() && reports.back().first == next.token;
  }));
  EXPECT_THAT(answers(), UnorderedElementsAre("accepted", "accepted",
                                              "the end of the run could not be reported"));
}

TEST_F(WorkerTest, AnUnfitAgentSaysSoAndIsCheckedWithTheOwnerRole) {
  StartFit();
  SetResult(
      {.outcome = RunOutcome::kNotStarted,
       .error = apply::MigrationError{.message = "may not act as owner", .agent_unfit = true}});
  SetProbe(Denied("may not act as owner"));
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitForReports(1));
  ASSERT_TRUE(Eventually([&] {
    base::MutexLock lock(mu_);
    return probed_owners_.back() == "owner";
  }));
  EXPECT_EQ(worker_.fitness().error, "may not act as owner");
  worker_.Offer(NewOffer());
  EXPECT_THAT(answers(), ElementsAre("accepted", "may not act as owner"));
}

TEST_F(WorkerTest, AConnectionThatIsAwayIsCheckedBeforeTheNextRun) {
  StartFit();
  SetResult(
      {.outcome = RunOutcome::kNotStarted,
       .error = apply::MigrationError{
           .reason = "DATABASE_UNAVAILABLE", .message = "connection refused", .retryable = true}});
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitForReports(1));
  ASSERT_TRUE(Eventually([&] {
    const auto told = fitness();
    return told.size() >= 3 && told.back().can_migrate;
  }));
  EXPECT_EQ(fitness()[1], (Fitness{false, "connection refused"}));
}

TEST_F(WorkerTest, StoppingCancelsTheRunAndStillReportsIt) {
  hold_ = true;
  StartFit();
  worker_.Offer(NewOffer());
  ASSERT_TRUE(WaitUntilApplying(1));
  worker_.Stop(absl::Seconds(10));
  ASSERT_THAT(client_.reports(), SizeIs(1));
  EXPECT_EQ(client_.reports()[0].second.error->reason, "CANCELLED");
}

TEST_F(WorkerTest, StoppingDoesNotWaitForACoordinatorThatIsAway) {
  StartFit();
  client_.FailComplete(Unavailable("no coordinator"));
  worker_.Offer(NewOffer());
  ASSERT_TRUE(Eventually([&] { return client_.attempts() >= 1; }));
  worker_.Stop(absl::Milliseconds(20));
  EXPECT_TRUE(client_.interrupted());
}

}  // namespace
}  // namespace lockstep::testing
