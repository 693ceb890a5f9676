#include "coordinator/program/environment.h"

#include <chrono>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"

namespace lockstep::coordinator {
namespace {

constexpr int kMaxMessageBytes = 20 << 20;
constexpr int kAdmissionThreads = 4;
constexpr size_t kAdmissionQueue = 50'000;
constexpr size_t kCallQueue = 4'096;
// Beyond the workers: driver, hub, revoke and its terminator.
constexpr int kExtraConnections = 6;
constexpr std::chrono::seconds kShutdownGrace(5);

postgres::ConnectionOptions ConnectionOf(const Config& config) {
  return {.conninfo = config.database, .application_name = "lockstep-coordinator"};
}

absl::Status ShuttingDown() {
  return base::MakeError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                         "the coordinator is shutting down", {}, "retry: another one takes over");
}

// Everybody that counts, whether it serves or not; see lease/settle.h.
std::set<std::string> SessionsToHear(const std::vector<Member>& members) {
  std::set<std::string> ids;
  for (const Member& member : members) {
    if (member.admitted && !member.suspect) ids.insert(member.declaration.session_id);
  }
  return ids;
}

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // Agents ping each 20 s; the default would answer too_many_pings.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Two coordinators on one port would share clients at random.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

Environment::Environment(const Config& config)
    : config_(config),
      database_({.connection = ConnectionOf(config),
                 .size = config.workers + kAdmissionThreads + kExtraConnections}),
      call_workers_({.threads = config.workers, .queue = kCallQueue}),
      admission_workers_({.threads = kAdmissionThreads, .queue = kAdmissionQueue}),
      gate_memory_(config.durations.gate_memory, base::SystemClock()),
      settle_({.durations = config.durations}) {}

Environment::~Environment() { Stop(); }

absl::StatusOr<std::unique_ptr<Environment>> Environment::Start(const Config& config) {
  {
    ASSIGN_OR_RETURN(auto connection, postgres::Connection::Open(ConnectionOf(config)));
    RETURN_IF_ERROR(catalog::Bootstrap(
        *connection, {.owner_role = config.owner_role, .search_path = config.search_path}));
  }
  std::unique_ptr<Environment> e(new Environment(config));
  Environment* const self = e.get();
  const auto leadership = [self] { return self->LoadedLeadership(); };
  e->fleet_ =
      std::make_unique<Fleet>(FleetOptions{.database = &e->database_,
                                           .workers = &e->admission_workers_,
                                           .durations = config.durations,
                                           .leadership = leadership,
                                           .settled = [self] { return self->settle_.over(); },
                                           .on_change = [self] { self->hub_.Notify(); }});
  e->lessor_ = std::make_unique<Lessor>(
      LessorOptions{.database = &e->database_, .durations = config.durations});
  e->driver_ = std::make_unique<Driver>(DriverOptions{
      .database = &e->database_,
      .fleet = e->fleet_.get(),
      .lessor = e->lessor_.get(),
      .gate = &e->gate_memory_,
      .settle = &e->settle_,
      .durations = config.durations,
      .leadership = leadership,
      .on_change = [self] { self->hub_.Notify(); },
      .distrust = [self](int64_t incarnation,
                         const std::string& why) { self->elector_->Distrust(incarnation, why); }});
  e->MakeServices();
  RETURN_IF_ERROR(e->Listen());
  e->hub_.Start();
  e->driver_->Start();
  e->elector_->Start();
  return e;
}

void Environment::MakeServices() {
  peers_ = {.fleet = fleet_.get(),
            .lessor = lessor_.get(),
            .durations = config_.durations,
            .accepting = [this] { return Accepting(); },
            .incarnation = [this] { return incarnation_.load(); },
            .heard = [this](const std::string& session_id) { settle_.Heard(session_id); },
            .wake_driver = [this] { driver_->Wake(); },
            .on_progress = [this] { hub_.Notify(); }};
  elector_ = std::make_unique<Elector>(
      ElectorOptions{.connection = ConnectionOf(config_),
                     .address = [this] { return AnnouncedAddress(); },
                     .durations = config_.durations,
                     .on_elected = [this](const LeaderToken& token) { OnElected(token); },
                     .on_deposed = [this] { OnDeposed(); }});
  operations_ = std::make_unique<Operations>(OperationsOptions{.database = &database_,
                                                               .elector = elector_.get(),
                                                               .fleet = fleet_.get(),
                                                               .lessor = lessor_.get(),
                                                               .driver = driver_.get(),
                                                               .durations = config_.durations});
  builds_ = std::make_unique<Builds>(BuildsOptions{.database = &database_,
                                                   .fleet = fleet_.get(),
                                                   .accepting = [this] { return Accepting(); },
                                                   .wake_driver = [this] { driver_->Wake(); }});
  admin_service_ = std::make_unique<AdminServiceImpl>(
      AdminServiceOptions{.database = &database_,
                          .fleet = fleet_.get(),
                          .builds = builds_.get(),
                          .workers = &call_workers_,
                          .durations = config_.durations,
                          .accepting = [this] { return Accepting(); },
                          .wake_driver = [this] { driver_->Wake(); }});
  agent_service_ = std::make_unique<AgentServiceImpl>(&peers_, &gate_memory_, &database_,
                                                      operations_.get(), &call_workers_);
  release_service_ = std::make_unique<ReleaseServiceImpl>(operations_.get(), builds_.get(),
                                                          config_.durations, &call_workers_);
  operation_service_ =
      std::make_unique<OperationServiceImpl>(operations_.get(), &call_workers_, &hub_);
  status_service_ =
      std::make_unique<StatusServiceImpl>(ClusterStateSources{.database = &database_,
                                                              .elector = elector_.get(),
                                                              .fleet = fleet_.get(),
                                                              .operations = operations_.get()},
                                          config_.durations, &call_workers_, &hub_);
  // Followers serve reads, so that leading plays no part.
  serve::HealthService::Services services;
  for (const char* name :
       {"", v1::AdminService::service_full_name(), v1::AgentService::service_full_name(),
        v1::ReleaseService::service_full_name(), v1::OperationService::service_full_name(),
        v1::StatusService::service_full_name()}) {
    services[name] = [this] { return serving_.load(); };
  }
  health_service_ = std::make_unique<serve::HealthService>(std::move(services));
}

std::string Environment::AnnouncedAddress() const {
  if (!config_.advertise.empty()) return config_.advertise;
  return addresses_.empty() ? "" : addresses_.front();
}

absl::Status Environment::Listen() {
  grpc::ServerBuilder builder;
  SetLimits(builder);
  int port = 0;
  if (!config_.listen.empty()) {
    builder.AddListeningPort(config_.listen, grpc::InsecureServerCredentials(), &port);
  }
  if (!config_.socket.empty()) {
    unlink(config_.socket.c_str());  // A socket file outlives the process that made it.
    builder.AddListeningPort(absl::StrCat("unix:", config_.socket),
                             grpc::InsecureServerCredentials());
  }
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{
           admin_service_.get(), agent_service_.get(), release_service_.get(),
           operation_service_.get(), status_service_.get(), health_service_.get()}) {
    builder.RegisterService(service);
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || (!config_.listen.empty() && port == 0)) {
    return base::MakeError(absl::StatusCode::kUnavailable, "LISTEN",
                           absl::StrCat("cannot listen on ", config_.listen, " ", config_.socket),
                           {{"listen", config_.listen}, {"socket", config_.socket}},
                           "is another coordinator running there? choose another --listen");
  }
  if (!config_.socket.empty()) chmod(config_.socket.c_str(), 0660);
  if (!config_.listen.empty()) {
    addresses_.push_back(
        absl::StrCat(config_.listen.substr(0, config_.listen.rfind(':')), ":", port));
  }
  if (!config_.socket.empty()) addresses_.push_back(absl::StrCat("unix:", config_.socket));
  base::LogInfo("listening", {{"addresses", absl::StrJoin(addresses_, ",")}});
  return absl::OkStatus();
}

absl::StatusOr<LeaderToken> Environment::Accepting() const {
  if (stopping_) return ShuttingDown();
  ASSIGN_OR_RETURN(const LeaderToken token, operations_->Leadership());
  if (loaded_epoch_ == token.epoch) return token;
  return base::MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER",
                         "this coordinator has just been elected and is loading its memory", {},
                         "retry");
}

std::optional<LeaderToken> Environment::LoadedLeadership() {
  if (stopping_) return std::nullopt;
  const auto token = operations_->Leadership();
  if (!token.ok()) return std::nullopt;
  if (loaded_epoch_ != token->epoch) OnElected(*token);
  if (loaded_epoch_ != token->epoch) return std::nullopt;
  return *token;
}

// Runs before anything of the new epoch is decided: on the elector's thread, and again on the
// driver's when the database was away just then.
void Environment::OnElected(const LeaderToken& token) {
  base::MutexLock lock(load_mu_);
  if (loaded_epoch_ == token.epoch) return;
  absl::Status loaded = LOCKSTEP_FAILPOINT_STATUS("leader.after_takeover", base::kNoSocket);
  if (loaded.ok()) loaded = fleet_->Reload();
  if (!loaded.ok()) {
    base::LogError("sessions could not be loaded", {{"error", std::string(loaded.message())}});
    return;
  }
  auto connection = database_.Take();
  if (!connection.ok()) return;
  const auto lease = ReadLease(**connection);
  if (!lease.ok()) return;
  const auto chain = ReadChain(**connection);
  if (!chain.ok()) return;
  // The holder of a run gets a full TTL to come back to the new leader.
  if (lease->held) lessor_->Adopt(*lease, lease->session);
  incarnation_ = chain->incarnation;
  settle_.Begin(SessionsToHear(fleet_->Members()), !chain->settled);
  if (!LOCKSTEP_FAILPOINT_STATUS("leader.in_settle", base::kNoSocket).ok()) return;
  loaded_epoch_ = token.epoch;
  driver_->Wake();
}

void Environment::OnDeposed() {
  loaded_epoch_ = 0;
  settle_.Reset();
  gate_memory_.Forget();
  lessor_->Reset();
  const auto not_leader = operations_->Leadership();
  fleet_->DisconnectAll(not_leader.ok() ? ShuttingDown() : not_leader.status());
}

void Environment::Stop() {
  if (std::exchange(stopped_, true)) return;
  base::LogInfo("stopping");
  serving_ = false;
  if (health_service_ != nullptr) health_service_->Changed();
  driver_->Stop();
  // Twice: the second time those that said hello before the door was shut.
  fleet_->SendAllAway(config_.durations.reconnect_cap, ShuttingDown());
  stopping_ = true;
  fleet_->SendAllAway(config_.durations.reconnect_cap, ShuttingDown());
  loaded_epoch_ = 0;
  if (operation_service_ != nullptr) operation_service_->Shutdown(ShuttingDown());
  if (status_service_ != nullptr) status_service_->Shutdown(ShuttingDown());
  if (elector_ != nullptr) elector_->Stop();
  if (health_service_ != nullptr) health_service_->Shutdown(ShuttingDown());
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  hub_.Stop();
  call_workers_.Stop();
  admission_workers_.Stop();
  if (!config_.socket.empty()) unlink(config_.socket.c_str());
  base::LogInfo("stopped");
}

}  // namespace lockstep::coordinator
