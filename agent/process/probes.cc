#include "agent/process/probes.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::process {
namespace {

constexpr int kOk = 200;
constexpr int kConflict = 409;
constexpr int kUnavailable = 503;

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Phase Progress::phase() const {
  base::MutexLock lock(mu_);
  return phase_;
}

bool Progress::Advance(Phase phase) {
  base::MutexLock lock(mu_);
  if (phase <= phase_) return false;
  phase_ = phase;
  return true;
}

bool Progress::SetServing(bool serving) {
  const Phase wanted = serving ? Phase::kServing : Phase::kStarting;
  base::MutexLock lock(mu_);
  if (phase_ == wanted || (phase_ != Phase::kStarting && phase_ != Phase::kServing)) return false;
  phase_ = wanted;
  return true;
}

absl::StatusOr<std::unique_ptr<HttpServer>> ServeProbes(int port, const Agent& agent,
                                                        const Progress& progress) {
  ASSIGN_OR_RETURN(
      auto http,
      HttpServer::Start(port, {{"/livez", LiveReply},
                               {"/gate", [&agent] { return GateReply(agent.gate()); }},
                               {"/readyz", [&progress] { return ReadyReply(progress.phase()); }}}));
  base::LogInfo("http listening", {{"address", "127.0.0.1"}, {"port", absl::StrCat(http->port())}});
  return http;
}

HttpReply LiveReply() { return {.status = kOk, .json = Dump({{"live", true}})}; }

HttpReply GateReply(const GateVerdict& verdict) {
  HttpReply reply;
  const char* state = "";
  switch (verdict.state) {
    case GateState::kOpen:
      state = "open";
      reply.status = kOk;
      break;
    case GateState::kWait:
      state = "wait";
      reply.status = kUnavailable;
      break;
    case GateState::kRefused:
      state = "refused";
      reply.status = kConflict;
      break;
  }
  reply.json = Dump({{"state", state},
                     {"reason", verdict.reason},
                     {"detail", verdict.detail},
                     {"hint", verdict.hint},
                     {"applied", verdict.applied},
                     {"needs", verdict.needs},
                     {"head", verdict.head}});
  return reply;
}

HttpReply ReadyReply(Phase phase) {
  const char* reason = "";
  switch (phase) {
    case Phase::kGate:
      reason = "gate_closed";
      break;
    case Phase::kStarting:
      reason = "ready_url";
      break;
    case Phase::kServing:
      return {.status = kOk, .json = Dump({{"ready", true}})};
    case Phase::kDraining:
      reason = "draining";
      break;
    case Phase::kEnded:
      reason = "ended";
      break;
  }
  return {.status = kUnavailable, .json = Dump({{"ready", false}, {"reason", reason}})};
}

}  // namespace lockstep::process
