// An agent in this process that applies what it is offered with the real engine, and stops when its
// run is taken back: a CoordinatorTest's counterpart of agent/worker.cc.
//
//   auto agent = std::make_shared<ApplyingAgent>(operations, lessor, conninfo, session_id);
//   fleet->Register(agent, declaration, false);
//   ...
//   agent->Stop();
#ifndef LOCKSTEP_TESTS_COORDINATOR_APPLYING_AGENT_H_
#define LOCKSTEP_TESTS_COORDINATOR_APPLYING_AGENT_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"

#include "coordinator/fleet/agent_link.h"
#include "coordinator/lease/lessor.h"
#include "coordinator/operation/operations.h"
#include "engine/apply/run.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

// Thread-safe.
class ApplyingAgent : public AgentLink {
 public:
  ApplyingAgent(Operations* operations, Lessor* lessor, std::string conninfo,
                std::string session_id)
      : operations_(operations),
        lessor_(lessor),
        conninfo_(std::move(conninfo)),
        session_id_(std::move(session_id)),
        thread_([this] { Loop(); }) {}
  ~ApplyingAgent() override { Stop(); }

  void SendGate(const Verdict&) override {}
  void SendOffer(const LeaseOffer& offer) override {
    base::MutexLock lock(mu_);
    offer_ = offer;
    changed_.NotifyAll();
  }
  void SendRevoked(const LeaseToken& token, const std::string& why) override {
    base::MutexLock lock(mu_);
    if (running_ == token) cancellation_->Request(why);
    if (offer_.has_value() && offer_->token == token) offer_.reset();
  }
  void Close(const absl::Status&) override {}
  void SendAway(absl::Duration, const absl::Status&) override {}

  void Stop() {
    {
      base::MutexLock lock(mu_);
      stopping_ = true;
      if (cancellation_ != nullptr) cancellation_->Request("the test ends");
      changed_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Loop() {
    for (;;) {
      LeaseOffer offer;
      std::shared_ptr<apply::Cancellation> cancellation = std::make_shared<apply::Cancellation>();
      {
        base::MutexLock lock(mu_);
        while (!offer_.has_value() && !stopping_) changed_.Wait(lock);
        if (stopping_) return;
        offer = *std::exchange(offer_, std::nullopt);
        running_ = offer.token;
        cancellation_ = cancellation;
      }
      Run(offer, *cancellation);
      base::MutexLock lock(mu_);
      running_ = {};
    }
  }

  void Run(const LeaseOffer& offer, apply::Cancellation& cancellation) {
    const auto fetched = operations_->FetchRun(offer.token, offer.first);
    apply::RunResult result;
    if (fetched.ok()) {
      result = apply::ApplyRun(SpecOf(offer, *fetched), cancellation,
                               [&](const apply::Progress& progress) {
                                 lessor_->Progress(offer.token, {.version = progress.version,
                                                                 .statement = progress.statement,
                                                                 .statements = progress.statements,
                                                                 .committed = progress.committed,
                                                                 .lock = progress.lock});
                               });
    } else {
      result.error = apply::RunErrorOf(offer.first, fetched.status());
    }
    const auto reported = operations_->CompleteRun(
        session_id_, offer.token, OutcomeOf(result.outcome), result.committed, ErrorOf(result));
    // As an agent that cannot be heard: its lease is taken back.
    if (!reported.ok()) lessor_->Decline(session_id_, offer.token);
  }

  apply::RunSpec SpecOf(const LeaseOffer& offer, const FetchedRun& fetched) const {
    apply::RunSpec spec{.token = {.epoch = offer.token.epoch, .lease_id = offer.token.lease_id},
                        .settings = {.owner_role = fetched.settings.owner_role,
                                     .search_path = fetched.settings.search_path,
                                     .lock_timeout = fetched.lock_timeout,
                                     .statement_timeout = absl::ZeroDuration()},
                        .conninfo = conninfo_,
                        .allow_superuser = true};
    for (size_t i = 0; i < fetched.texts.size(); ++i) {
      const MigrationText& text = fetched.texts[i];
      spec.items.push_back({.version = text.entry.version,
                            .title = text.entry.title,
                            .sql = text.sql,
                            .digest = text.entry.digest,
                            .group = fetched.groups[i]});
    }
    return spec;
  }

  static RunOutcome OutcomeOf(apply::RunOutcome outcome) {
    switch (outcome) {
      case apply::RunOutcome::kSucceeded:
        return RunOutcome::kSucceeded;
      case apply::RunOutcome::kFailed:
        return RunOutcome::kFailed;
      case apply::RunOutcome::kNotStarted:
        return RunOutcome::kNotStarted;
      case apply::RunOutcome::kUnknown:
        break;
    }
    return RunOutcome::kUnknown;
  }

  static std::optional<RunError> ErrorOf(const apply::RunResult& result) {
    if (!result.error.has_value()) return std::nullopt;
    const apply::MigrationError& error = *result.error;
    return RunError{.version = error.version,
                    .statement = error.statement,
                    .reason = error.reason,
                    .sqlstate = error.sqlstate,
                    .message = error.message,
                    .retryable = error.retryable,
                    .agent_unfit = error.agent_unfit,
                    .statement_text = error.statement_text,
                    .lock = error.lock};
  }

  Operations* const operations_;
  Lessor* const lessor_;
  const std::string conninfo_;
  const std::string session_id_;

  base::Mutex mu_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<LeaseOffer> offer_ ABSL_GUARDED_BY(mu_);
  LeaseToken running_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<apply::Cancellation> cancellation_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_TESTS_COORDINATOR_APPLYING_AGENT_H_
