// Ties slot, session and worker together behind the public header.
#include "lockstep/agent.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "agent/application_name.h"
#include "agent/backfill_worker.h"
#include "agent/declaration.h"
#include "agent/direct_admission.h"
#include "agent/endpoints.h"
#include "agent/gate_slot.h"
#include "agent/grpc_run_client.h"
#include "agent/schema_watch.h"
#include "agent/self_stop.h"
#include "agent/session.h"
#include "agent/wire.h"
#include "agent/worker.h"
#include "engine/base/clock.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/conninfo.h"
#include "proto/convert/time.h"

namespace lockstep {
namespace agent {
namespace {

constexpr size_t kMaxInstanceBytes = 128;
// The first hello waits this long for the migrator connection to be checked, so that an agent that
// is fit need not say hello twice.
constexpr absl::Duration kFirstProbeLimit = absl::Seconds(2);
// What a cancelled run may take of the time to stop; the goodbye has the rest, at least the second.
constexpr double kWorkerShare = 0.6;
constexpr absl::Duration kMinGoodbye = absl::Milliseconds(100);
// Of an agent that is destroyed without Stop.
constexpr absl::Duration kStopLimit = absl::Seconds(1);
constexpr absl::Duration kMaxStop = absl::Hours(1);
constexpr absl::Duration kMaxReserve = absl::Hours(1);

std::string DefaultInstance() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  return absl::StrCat(name[0] == '\0' ? "localhost" : name.data(), "-", getpid());
}

std::string InstanceOf(const AgentOptions& options) {
  return ToWireText(options.instance.empty() ? DefaultInstance() : options.instance,
                    kMaxInstanceBytes);
}

// libpq's complaint about an unreadable string may quote it, password included.
absl::Status CheckConninfo(const std::string& conninfo, absl::string_view what) {
  if (postgres::CompleteConninfo(conninfo, "", absl::ZeroDuration()).ok()) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "BAD_CONNINFO",
      absl::StrCat("cannot read the connection string of ", what), {},
      "use postgresql://USER@HOST:PORT/DATABASE or host=... dbname=... user=...");
}

class AgentImpl : public Agent {
 public:
  AgentImpl(const AgentOptions& options, v1::BuildDeclaration declaration)
      : session_id_(base::NewUuid()),
        service_(declaration.service()),
        instance_(InstanceOf(options)),
        stops_itself_(declaration.on_session_loss() == v1::ON_SESSION_LOSS_STOP),
        identity_(MakeIdentity(options, std::move(declaration))),
        session_({.addresses = options.addresses,
                  .reconnect_cap = options.reconnect_cap,
                  .identity = identity_},
                 MakeHooks()),
        direct_(MakeDirectOptions(options), MakeDirectHooks()),
        client_(session_id_, [this] { return session_.channel(); }) {
    if (!options.migrate_database.empty()) {
      worker_ = std::make_unique<Worker>(
          PostgresEngine(options.migrate_database, options.allow_superuser), &client_,
          MakeListener());
      backfills_ = std::make_unique<BackfillWorker>(
          options.migrate_database, options.allow_superuser,
          [this](const apply::LeaseToken& token) { session_.ReportBackfillEnded(token); });
    }
  }

  ~AgentImpl() override { Stop("the process ends", kStopLimit); }

  void Run(const std::optional<GateVerdict>& known) {
    if (known.has_value()) slot_.Set(*known);
    if (worker_ != nullptr) worker_->Start();
    session_.Start();
    // Whoever is not configured is refused already.
    if (!known.has_value()) direct_.Start();
  }

  absl::Status WaitUntilServable(absl::Duration timeout) override {
    return slot_.WaitUntilOpen(timeout);
  }
  GateVerdict gate() const override { return slot_.Get(); }
  bool connected() const override { return session_.connected(); }
  std::string application_name() const override {
    return ApplicationName(service_, instance_, session_id_);
  }
  std::string session_id() const override { return session_id_; }
  void OnGateChange(std::function<void(const GateVerdict&)> callback) override {
    slot_.Observe(std::move(callback));
  }
  void OnSessionLoss(std::function<void()> callback) override {
    if (stops_itself_) self_stop_.Observe(std::move(callback));
  }
  void OnSchemaChange(std::function<void(const SchemaChange&)> callback) override {
    schema_.Observe(std::move(callback));
  }
  int32_t applied() const override { return schema_.applied(); }
  void SetServing(bool serving) override { session_.SetServing(serving); }

  void Drain() override {
    if (worker_ != nullptr) worker_->Drain();
    if (backfills_ != nullptr) backfills_->Drain();
    session_.SetDraining();
  }

  void Stop(const std::string& reason, absl::Duration wanted) override {
    const absl::Duration timeout = std::clamp(wanted, absl::ZeroDuration(), kMaxStop);
    const absl::Duration stop_by = base::SystemClock()->SinceBoot() + timeout;
    // Before the lock: it waits for a gate callback, which may itself be about to stop the agent.
    slot_.Stop();
    self_stop_.Stop();
    schema_.Stop();
    base::MutexLock lock(stop_mu_);
    direct_.Stop();
    // First the run, so that its end is reported and the lease free before the goodbye.
    if (backfills_ != nullptr) backfills_->Drain();
    if (worker_ != nullptr) worker_->Stop(timeout * kWorkerShare);
    if (backfills_ != nullptr) backfills_->Stop();
    SayGoodbye(reason, stop_by, std::min(timeout, kMinGoodbye));
  }

 private:
  v1::Hello MakeIdentity(const AgentOptions& options, v1::BuildDeclaration declaration) const {
    v1::Hello identity;
    identity.set_session_id(session_id_);
    identity.set_instance(instance_);
    identity.set_nonce(base::NewNonce());
    identity.set_agent_version(LOCKSTEP_VERSION);
    *identity.mutable_declaration() = std::move(declaration);
    if (options.reserve.has_value()) {
      *identity.mutable_reserve() = convert::ToProto(*options.reserve);
    }
    return identity;
  }

  DirectOptions MakeDirectOptions(const AgentOptions& options) const {
    return {.conninfo = options.database.empty() ? options.migrate_database : options.database,
            .application_name = ApplicationName(service_, instance_, session_id_),
            .identity = identity_,
            .patience = options.direct_after};
  }

  DirectHooks MakeDirectHooks() {
    return {
        .gate =
            [this](GateVerdict verdict) {
              if (verdict.state == GateState::kOpen) {
                self_stop_.ArmWithoutCoordinator();
                direct_.Opened();
              }
              schema_.Verdict(verdict);
              slot_.Set(std::move(verdict));
            },
        .away = [this](GateVerdict verdict) { slot_.SetAway(std::move(verdict)); },
    };
  }

  // To the coordinator that hears us; where there is none, into the database.
  void SayGoodbye(const std::string& reason, absl::Duration stop_by, absl::Duration least) {
    const auto left = [&] { return std::max(stop_by - base::SystemClock()->SinceBoot(), least); };
    const bool known = session_.registered() || direct_.asked();
    const bool heard = known && !session_.connected() && direct_.Leave(left());
    session_.Stop(reason, heard ? least : left());
    // The stream broke in the middle of it.
    if (known && !heard && !session_.goodbye_heard()) direct_.Leave(left());
  }

  SessionHooks MakeHooks() {
    return {
        .prepare =
            [this] {
              if (worker_ != nullptr) worker_->WaitForFirstProbe(kFirstProbeLimit);
            },
        .connecting =
            [this](const std::string& why) {
              slot_.SetConnecting(why);
              direct_.CoordinatorLost(why);
            },
        .gate =
            [this](GateVerdict verdict) {
              direct_.CoordinatorAnswers();
              if (verdict.state == GateState::kOpen) {
                self_stop_.Arm();
                direct_.Opened();
              }
              schema_.Verdict(verdict);
              slot_.Set(std::move(verdict));
            },
        .incarnation = [this](int64_t incarnation) { schema_.Incarnation(incarnation); },
        .schema_changed = [this](const v1::SchemaChanged& change) { schema_.Changed(change); },
        .schema_revision = [this] { return schema_.revision(); },
        .acknowledged =
            [this](absl::Duration sent, absl::Duration stop_after) {
              self_stop_.Acknowledged(sent, stop_after);
            },
        .offer = [this](const LeaseOffer& offer) { Offer(offer); },
        .revoked =
            [this](const apply::LeaseToken& token, const std::string& why) {
              if (worker_ != nullptr) worker_->Revoke(token, why);
            },
        .backfill =
            [this](const apply::LeaseToken& token, const std::string& name) {
              if (backfills_ != nullptr) backfills_->Offer(token, name);
            },
        .held_lease = [this] { return worker_ == nullptr ? std::nullopt : worker_->held(); },
        .fitness = [this] { return worker_ == nullptr ? Fitness{} : worker_->fitness(); },
        .admitted = [this] { return slot_.is_open(); },
    };
  }

  WorkerListener MakeListener() {
    return {
        .fitness = [this](const Fitness&) { session_.Redial(); },
        .answer = [this](const apply::LeaseToken& token, bool accepted,
                         const std::string& why) { session_.Answer(token, accepted, why); },
        .progress = [this](const apply::LeaseToken& token,
                           const apply::Progress& done) { session_.ReportProgress(token, done); },
    };
  }

  void Offer(const LeaseOffer& offer) {
    if (worker_ != nullptr) return worker_->Offer(offer);
    session_.Answer(offer.token, false, "this agent has no migrator connection");
  }

  const std::string session_id_;
  const std::string service_;
  const std::string instance_;
  const bool stops_itself_;
  GateSlot slot_;
  SelfStop self_stop_;
  SchemaWatch schema_;
  const v1::Hello identity_;
  Session session_;
  DirectAdmission direct_;
  GrpcRunClient client_;
  std::unique_ptr<Worker> worker_;  // Null without a migrator connection; likewise:
  std::unique_ptr<BackfillWorker> backfills_;
  base::Mutex stop_mu_;             // One Stop at a time.
};

}  // namespace
}  // namespace agent

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(AgentOptions options) {
  RETURN_IF_ERROR(agent::CheckAddresses(options.addresses));
  if (options.reconnect_cap <= absl::ZeroDuration()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           "reconnect_cap must be longer than zero");
  }
  if (options.reserve.has_value() &&
      (*options.reserve < absl::ZeroDuration() || *options.reserve > agent::kMaxReserve)) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           "reserve must be 0 s to 1 h");
  }
  if (!options.migrate_database.empty()) {
    RETURN_IF_ERROR(agent::CheckConninfo(options.migrate_database, "the migrator"));
  }
  if (!options.database.empty()) {
    RETURN_IF_ERROR(agent::CheckConninfo(options.database, "the database"));
  }
  if (options.direct_after < absl::ZeroDuration()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           "direct_after must not be negative");
  }
  ASSIGN_OR_RETURN(v1::BuildDeclaration declaration, agent::ReadDeclaration(options));
  if (!options.can_stop && declaration.on_session_loss() == v1::ON_SESSION_LOSS_STOP) {
    base::LogWarning("on_session_loss: stop is not declared: this agent cannot stop the service",
                     {{"service", declaration.service()}});
    declaration.set_on_session_loss(v1::ON_SESSION_LOSS_KEEP);
  }
  std::optional<GateVerdict> known;
  if (!declaration.configured()) known = agent::NotConfigured(options);
  auto started = std::make_unique<agent::AgentImpl>(options, std::move(declaration));
  started->Run(known);
  return started;
}

}  // namespace lockstep
