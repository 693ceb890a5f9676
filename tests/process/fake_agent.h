// An agent that does as it is told and remembers what was done to it.
#ifndef LOCKSTEP_TESTS_PROCESS_FAKE_AGENT_H_
#define LOCKSTEP_TESTS_PROCESS_FAKE_AGENT_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "agent/process/gate_wait.h"
#include "engine/base/error_info.h"
#include "engine/base/mutex.h"

namespace lockstep::process {

// What was done to the agent, and the verdict it gives. Shared with the test, because Run owns the
// agent.
struct Script {
  base::Mutex mu;
  base::CondVar changed;
  GateVerdict verdict ABSL_GUARDED_BY(mu);
  bool stopped ABSL_GUARDED_BY(mu) = false;
  std::vector<std::string> calls ABSL_GUARDED_BY(mu);
  std::function<void(const GateVerdict&)> observer ABSL_GUARDED_BY(mu);
  std::function<void()> lose_session ABSL_GUARDED_BY(mu);
  std::function<void(const SchemaChange&)> change_schema ABSL_GUARDED_BY(mu);
  AgentOptions options ABSL_GUARDED_BY(mu);  // What it was started with.

  void Call(const std::string& call) {
    base::MutexLock lock(mu);
    calls.push_back(call);
    changed.NotifyAll();
  }
  void LoseSession() {
    std::function<void()> call;
    {
      base::MutexLock lock(mu);
      while (lose_session == nullptr) changed.Wait(lock);
      call = lose_session;
    }
    call();
  }
  std::vector<std::string> Calls() {
    base::MutexLock lock(mu);
    return calls;
  }
  void Set(GateVerdict now) {
    std::function<void(const GateVerdict&)> call;
    {
      base::MutexLock lock(mu);
      verdict = now;
      call = observer;
      changed.NotifyAll();
    }
    if (call != nullptr) call(now);
  }
};

class FakeAgent : public Agent {
 public:
  explicit FakeAgent(Script& script) : script_(script) {}

  static AgentFactory Factory(Script& script) {
    return [&script](const AgentOptions& options) -> absl::StatusOr<std::unique_ptr<Agent>> {
      base::MutexLock lock(script.mu);
      script.options = options;
      return std::make_unique<FakeAgent>(script);
    };
  }

  absl::Status WaitUntilServable(absl::Duration timeout) override {
    const absl::Time deadline = absl::Now() + timeout;
    base::MutexLock lock(script_.mu);
    for (;;) {
      if (script_.verdict.state == GateState::kOpen) return absl::OkStatus();
      if (script_.stopped) return absl::CancelledError("stopped");
      if (script_.verdict.state == GateState::kRefused) {
        return base::MakeError(absl::StatusCode::kFailedPrecondition, "GATE_REFUSED", "no");
      }
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("too late");
      script_.changed.WaitFor(lock, std::min(left, absl::Hours(1)));
    }
  }
  GateVerdict gate() const override {
    base::MutexLock lock(script_.mu);
    return script_.verdict;
  }
  bool connected() const override { return true; }
  std::string application_name() const override { return "shop@i#1b2c3d4e"; }
  std::string session_id() const override { return "1b2c3d4e-0000-4000-8000-000000000000"; }
  void OnGateChange(std::function<void(const GateVerdict&)> callback) override {
    GateVerdict now;
    {
      base::MutexLock lock(script_.mu);
      script_.observer = callback;
      now = script_.verdict;
    }
    callback(now);
  }
  void OnSchemaChange(std::function<void(const SchemaChange&)> callback) override {
    base::MutexLock lock(script_.mu);
    script_.change_schema = std::move(callback);
    script_.changed.NotifyAll();
  }
  int32_t applied() const override {
    base::MutexLock lock(script_.mu);
    return script_.verdict.applied;
  }
  void OnSessionLoss(std::function<void()> callback) override {
    base::MutexLock lock(script_.mu);
    script_.lose_session = std::move(callback);
    script_.changed.NotifyAll();
  }
  void SetServing(bool serving) override { script_.Call(serving ? "serving" : "not serving"); }
  void Drain() override { script_.Call("drain"); }
  void Stop(const std::string& reason, absl::Duration) override {
    {
      base::MutexLock lock(script_.mu);
      script_.stopped = true;
    }
    script_.Call("stop: " + reason);
  }

 private:
  Script& script_;
};

}  // namespace lockstep::process

#endif  // LOCKSTEP_TESTS_PROCESS_FAKE_AGENT_H_
