#include "agent/process/gate_wait.h"

#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

#include "agent/process/flags.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"

namespace lockstep::process {
namespace {

bool EndsTheWait(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
}

}  // namespace

int Fail(absl::string_view what, const absl::Status& status, int code) {
  const base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
  base::LogError(what, {{"error", std::string(status.message())},
                        {"reason", info.reason},
                        {"hint", info.hint},
                        {"exit", absl::StrCat(code)}});
  return code;
}

void ObserveGate(Agent& agent, GateObserver observer) {
  agent.OnGateChange([observer = std::move(observer),
                      last = std::string("connecting")](const GateVerdict& verdict) mutable {
    const bool open = verdict.state == GateState::kOpen;
    if (std::exchange(last, verdict.reason) != verdict.reason) {
      base::LogInfo(
          open ? "gate open" : "gate closed",
          {{"reason", verdict.reason}, {"detail", verdict.detail}, {"hint", verdict.hint}});
    }
    observer(open);
  });
}

std::optional<int> WaitAtGate(Agent& agent, Supervisor& supervisor, absl::Duration timeout,
                              GateObserver observer) {
  ObserveGate(agent, std::move(observer));
  absl::Status gate;
  std::thread waiter([&] {
    gate = agent.WaitUntilServable(timeout);
    supervisor.Wake();
  });
  for (;;) {
    const Event event = supervisor.Next(absl::InfiniteDuration());
    if (event.kind == Event::kWoken) break;
    if (event.kind != Event::kSignal || !EndsTheWait(event.signal)) continue;
    base::LogInfo("interrupted at the gate", {{"signal", strsignal(event.signal)}});
    agent.Stop("interrupted at the gate");
    waiter.join();
    return kExitSignalBase + event.signal;
  }
  waiter.join();
  if (gate.ok()) return std::nullopt;
  if (absl::IsFailedPrecondition(gate)) return Fail("gate refused", gate, kExitGateRefused);
  if (absl::IsDeadlineExceeded(gate)) return Fail("gate timeout", gate, kExitGateTimeout);
  return Fail("gate failed", gate, kExitAgentFailure);
}

}  // namespace lockstep::process
