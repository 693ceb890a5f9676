#include "coordinator/rpc/status_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "coordinator/rpc/unary.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;

// What makes one state different from the next to a person: not the clock readings.
std::string Essence(v1::ClusterStatus status) {
  status.clear_read_at();
  for (v1::ServiceStatus& service : *status.mutable_services()) {
    for (v1::InstanceStatus& instance : *service.mutable_instances()) instance.clear_last_seen();
  }
  if (status.has_operation() && status.operation().has_running()) {
    status.mutable_operation()->mutable_running()->clear_elapsed();
  }
  if (status.has_contract()) {
    v1::Operation& contract = *status.mutable_contract();
    if (contract.has_running()) contract.mutable_running()->clear_elapsed();
    contract.mutable_contract()->clear_quiet();
    for (auto& group : *contract.mutable_contract()->mutable_groups()) group.clear_last_seen();
  }
  return status.SerializeAsString();
}

}  // namespace

StatusServiceImpl::StatusServiceImpl(ClusterStateSources sources, Durations durations,
                                     base::WorkerPool* workers, WatchHub* hub)
    : sources_(sources),
      durations_(durations),
      workers_(workers),
      hub_(hub),
      events_(sources.database, hub) {
  hub_->AddTopic([this] { return TellWatchers(); });
}

grpc::ServerUnaryReactor* StatusServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                       const v1::GetStatusRequest*,
                                                       v1::GetStatusResponse* response) {
  return RunUnary(context, workers_, [this, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const ClusterState state, ReadClusterState(sources_));
    *response->mutable_status() = ToProto(state, durations_.admission_validity);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* StatusServiceImpl::ListMigrations(
    grpc::CallbackServerContext* context, const v1::ListMigrationsRequest* request,
    v1::ListMigrationsResponse* response) {
  return RunUnary(context, workers_,
                  [this, request, response] { return DoListMigrations(*request, *response); });
}

absl::Status StatusServiceImpl::DoListMigrations(const v1::ListMigrationsRequest& request,
                                                 v1::ListMigrationsResponse& response) {
  const int size =
      request.page_size() <= 0 ? kDefaultPage : std::min(request.page_size(), kMaxPage);
  Version after = 0;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &after)) {
    return InvalidField("page_token", "not one of ours");
  }
  ASSIGN_OR_RETURN(auto connection, sources_.database->Take());
  ASSIGN_OR_RETURN(const auto rows,
                   ReadMigrations(*connection, after, size, request.applied_only()));
  for (const MigrationRow& row : rows) *response.add_migrations() = ToProto(row);
  if (static_cast<int>(rows.size()) == size) {
    response.set_next_page_token(absl::StrCat(rows.back().version));
  }
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::WatchStatusResponse>* StatusServiceImpl::WatchStatus(
    grpc::CallbackServerContext*, const v1::WatchStatusRequest*) {
  auto watcher = StatusWatcher::Start();
  {
    base::MutexLock lock(mu_);
    if (!shut_down_.ok()) {
      watcher->End(convert::ToGrpc(shut_down_));
    } else if (watchers_.size() >= kMaxWatchers) {
      watcher->End(convert::ToGrpc(RateLimited()));
    } else {
      watchers_.push_back({.watcher = watcher});
    }
  }
  hub_->Notify();
  return watcher.get();
}

bool StatusServiceImpl::TellWatchers() {
  {
    base::MutexLock lock(mu_);
    watchers_.erase(std::remove_if(watchers_.begin(), watchers_.end(),
                                   [](const Watched& w) { return w.watcher->over(); }),
                    watchers_.end());
    if (watchers_.empty()) return false;
  }
  const auto state = ReadClusterState(sources_);
  if (!state.ok()) return true;  // A database that is away for a moment does not end a watch.
  v1::WatchStatusResponse response;
  *response.mutable_status() = ToProto(*state, durations_.admission_validity);
  std::string essence = Essence(response.status());
  const bool changed = essence != last_told_;
  last_told_ = std::move(essence);
  std::vector<std::shared_ptr<StatusWatcher>> tell;
  {
    base::MutexLock lock(mu_);
    for (Watched& w : watchers_) {
      if (w.told && !changed) continue;
      w.told = true;
      tell.push_back(w.watcher);
    }
  }
  for (const auto& watcher : tell) watcher->Push(response);
  return true;
}

void StatusServiceImpl::Shutdown(const absl::Status& status) {
  events_.Shutdown(status);
  base::MutexLock lock(mu_);
  shut_down_ = status;
  for (Watched& w : watchers_) w.watcher->End(convert::ToGrpc(status));
  watchers_.clear();
}

}  // namespace lockstep::coordinator
