// Watching the event log. Events are a log and not a state, so that none may be left out: a watcher
// gets its next batch when the last one is on its way, and goes on from its own cursor.
#ifndef LOCKSTEP_COORDINATOR_RPC_EVENT_FEED_H_
#define LOCKSTEP_COORDINATOR_RPC_EVENT_FEED_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lockstep/v1/status.pb.h"

#include "coordinator/rpc/event_cursor.h"
#include "coordinator/rpc/watch.h"
#include "coordinator/store/database.h"

namespace lockstep::coordinator {

// Thread-safe.
class EventFeed {
 public:
  // Registers itself as a topic of `hub`; both must outlive the feed.
  EventFeed(Database* database, WatchHub* hub);

  // A stream of the events after a cursor. Ends as CheckCursor says, also when a new incarnation
  // begins meanwhile, and with RESOURCE_EXHAUSTED (RATE_LIMITED) when too many watch.
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* Watch(const EventCursor& from);

  // Ends all watches; new ones end at once.
  void Shutdown(const absl::Status& status);

 private:
  using EventWatcher = Watcher<v1::WatchEventsResponse>;
  static constexpr size_t kMaxWatchers = 1'000;
  static constexpr int kBatch = 500;
  struct Watching {
    std::shared_ptr<EventWatcher> watcher;
    EventCursor sent;  // The newest event that was pushed. Of the hub's thread alone.
  };

  bool TellWatchers();
  // Pushes the next batch to all that stand at the same place. True when there is more.
  absl::StatusOr<bool> Tell(const EventCursor& sent,
                            const std::vector<std::shared_ptr<Watching>>& watching);

  Database* const database_;
  WatchHub* const hub_;
  base::Mutex mu_;
  std::vector<std::shared_ptr<Watching>> watching_ ABSL_GUARDED_BY(mu_);
  absl::Status shut_down_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_EVENT_FEED_H_
