// Server-streaming watches. One thread reads the state once for all watchers of the same thing.
#ifndef LOCKSTEP_COORDINATOR_RPC_WATCH_H_
#define LOCKSTEP_COORDINATOR_RPC_WATCH_H_

#include <functional>
#include <grpcpp/grpcpp.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "proto/serve/watcher.h"

namespace lockstep::coordinator {

using serve::Watcher;

// Wakes at changes (at most five times a second) and at least once a second while somebody watches,
// and lets its topics tell their watchers.
class WatchHub {
 public:
  // Told from the hub's thread; may block. Returns false when nobody watches.
  using Topic = std::function<bool()>;

  WatchHub() = default;
  ~WatchHub() { Stop(); }

  void AddTopic(Topic topic) { topics_.push_back(std::move(topic)); }  // Before Start.
  void Start();
  void Stop();
  // Something changed. From any thread; never blocks.
  void Notify();

 private:
  void Run();

  std::vector<Topic> topics_;
  base::Mutex mu_;
  base::CondVar wake_;
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_WATCH_H_
