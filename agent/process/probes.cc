#include "agent/process/probes.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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

// Only what there is of them.
nlohmann::ordered_json JsonOf(const GateFacts& facts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  const auto add = [&](const char* key, const auto& value, bool there) {
    if (there) json[key] = value;
  };
  add("operation_id", facts.operation_id, !facts.operation_id.empty());
  add("version", facts.version, facts.version != 0);
  add("title", facts.title, !facts.title.empty());
  add("holder", facts.holder, !facts.holder.empty());
  add("statement", facts.statement, facts.statement != 0);
  add("statements", facts.statements, facts.statements != 0);
  add("error", facts.error, !facts.error.empty());
  add("owner", facts.owner, !facts.owner.empty());
  if (facts.at.has_value()) {
    json["at"] = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *facts.at, absl::UTCTimeZone());
  }
  add("adapted_to", facts.adapted_to, facts.adapted_to != 0);
  add("builds", facts.builds, !facts.builds.empty());
  return json;
}

}  // namespace

Phase Progress::phase() const {
  base::MutexLock lock(mu_);
  return phase_;
}

bool Progress::Advance(Phase phase) {
  {
    base::MutexLock lock(mu_);
    if (phase <= phase_) return false;
    phase_ = phase;
  }
  changed_();
  return true;
}

bool Progress::SetServing(bool serving) {
  const Phase wanted = serving ? Phase::kServing : Phase::kStarting;
  {
    base::MutexLock lock(mu_);
    if (phase_ == wanted || (phase_ != Phase::kStarting && phase_ != Phase::kServing)) return false;
    phase_ = wanted;
  }
  changed_();
  return true;
}

absl::Status ProbeServers::Start(const Flags& flags, const Agent& agent, Progress& progress,
                                 const SchemaNews& schema) {
  if (flags.http.has_value()) {
    ASSIGN_OR_RETURN(
        http_, HttpServer::Start(
                   *flags.http,
                   {{"/livez", LiveReply},
                    {"/gate", [&agent] { return GateReply(agent.gate()); }},
                    {"/readyz", [&progress] { return ReadyReply(progress.phase()); }},
                    {"/schema", [&agent, &schema] { return schema.Reply(agent.applied()); }}}));
    base::LogInfo("http listening",
                  {{"address", flags.http->host}, {"port", absl::StrCat(http_->port())}});
  }
  if (flags.grpc_health.has_value()) {
    ASSIGN_OR_RETURN(
        health_, health::HealthServer::Start(
                     *flags.grpc_health,
                     {.ready = [&progress] { return progress.phase() == Phase::kServing; },
                      .gate_open = [&agent] { return agent.gate().state == GateState::kOpen; }}));
    progress.OnChange([this] { health_->Changed(); });
    base::LogInfo("grpc health listening",
                  {{"address", flags.grpc_health->host}, {"port", absl::StrCat(health_->port())}});
  }
  return absl::OkStatus();
}

void ProbeServers::GateChanged() {
  if (health_ != nullptr) health_->Changed();
}

void SchemaNews::Note(const SchemaChange& change) {
  base::MutexLock lock(mu_);
  ++changes_;
  last_ = change;
}

HttpReply SchemaNews::Reply(int32_t applied) const {
  base::MutexLock lock(mu_);
  nlohmann::ordered_json json = {{"applied", applied}, {"changes", changes_}};
  if (changes_ > 0) {
    json["last"] = {{"from", last_.from},
                    {"to", last_.to},
                    {"objects", last_.objects},
                    {"everything", last_.everything}};
  }
  return {.status = kOk, .json = Dump(json)};
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
  nlohmann::ordered_json json = {
      {"state", state},       {"reason", verdict.reason},   {"detail", verdict.detail},
      {"hint", verdict.hint}, {"applied", verdict.applied}, {"needs", verdict.needs},
      {"head", verdict.head}};
  if (verdict.facts != GateFacts{}) json["facts"] = JsonOf(verdict.facts);
  reply.json = Dump(json);
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
