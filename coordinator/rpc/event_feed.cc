#include "coordinator/rpc/event_feed.h"

#include <algorithm>
#include <map>

#include "coordinator/rpc/unary.h"
#include "coordinator/store/event_store.h"
#include "coordinator/wire/lists.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::coordinator {

EventFeed::EventFeed(Database* database, WatchHub* hub) : database_(database), hub_(hub) {
  hub_->AddTopic([this] { return TellWatchers(); });
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* EventFeed::Watch(const EventCursor& from) {
  auto watcher = EventWatcher::Start();
  {
    base::MutexLock lock(mu_);
    if (!shut_down_.ok()) {
      watcher->End(convert::ToGrpc(shut_down_));
    } else if (watching_.size() >= kMaxWatchers) {
      watcher->End(convert::ToGrpc(RateLimited()));
    } else {
      watching_.push_back(std::make_shared<Watching>(Watching{watcher, from}));
    }
  }
  hub_->Notify();
  return watcher.get();
}

bool EventFeed::TellWatchers() {
  std::vector<std::shared_ptr<Watching>> all;
  {
    base::MutexLock lock(mu_);
    watching_.erase(std::remove_if(watching_.begin(), watching_.end(),
                                   [](const auto& w) { return w->watcher->over(); }),
                    watching_.end());
    all = watching_;
  }
  // Most watchers stand at the end of the log: one read for all of them.
  std::map<EventCursor, std::vector<std::shared_ptr<Watching>>> by_place;
  for (const auto& watching : all) {
    if (watching->watcher->idle()) by_place[watching->sent].push_back(watching);
  }
  bool more = false;
  for (const auto& [sent, watching] : by_place) {
    const absl::StatusOr<bool> told = Tell(sent, watching);
    // A database that is away for a moment does not end a watch.
    if (!told.ok()) break;
    more |= *told;
  }
  if (more) hub_->Notify();
  return !all.empty();
}

absl::StatusOr<bool> EventFeed::Tell(const EventCursor& sent,
                                     const std::vector<std::shared_ptr<Watching>>& watching) {
  EventPage page;
  {
    ASSIGN_OR_RETURN(auto connection, database_->Take());
    ASSIGN_OR_RETURN(page, ReadEvents(*connection, sent.after, kBatch));
    const absl::Status there = CheckCursor(*connection, sent, page);
    if (absl::IsOutOfRange(there)) {
      for (const auto& each : watching) each->watcher->End(convert::ToGrpc(there));
      return false;
    }
    RETURN_IF_ERROR(there);
  }
  // Who did not say where it stands does from here on.
  for (const auto& each : watching) each->sent.incarnation = page.incarnation;
  if (page.events.empty()) return false;
  v1::WatchEventsResponse response;
  for (const EventRow& event : page.events) *response.add_events() = ToProto(event);
  response.set_incarnation(page.incarnation);
  for (const auto& each : watching) {
    each->sent.after = page.events.back().sequence;
    each->watcher->Push(response);
  }
  return page.events.back().sequence < page.newest;
}

void EventFeed::Shutdown(const absl::Status& status) {
  base::MutexLock lock(mu_);
  shut_down_ = status;
  for (const auto& watching : watching_) watching->watcher->End(convert::ToGrpc(status));
  watching_.clear();
}

}  // namespace lockstep::coordinator
