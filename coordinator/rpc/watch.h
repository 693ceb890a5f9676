// Server-streaming watches. A watcher has one slot: a newer state replaces one that was not written
// yet. One thread reads the state once for all watchers of the same thing.
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

namespace lockstep::coordinator {

// One watching client. Thread-safe; lives until gRPC is done and nobody holds it.
template <typename Response>
class Watcher : public grpc::ServerWriteReactor<Response>,
                public std::enable_shared_from_this<Watcher<Response>> {
 public:
  static std::shared_ptr<Watcher> Start() {
    auto watcher = std::make_shared<Watcher>();
    watcher->self_ = watcher;
    return watcher;
  }

  // Replaces what was not written yet.
  void Push(const Response& response) {
    base::MutexLock lock(mu_);
    if (ended_) return;
    slot_ = response;
    Pump();
  }

  // Ends the stream after what was pushed.
  void End(const grpc::Status& status) {
    base::MutexLock lock(mu_);
    if (ended_) return;
    ended_ = true;
    final_ = status;
    Pump();
  }

  // True when all that was pushed is on its way; for streams that must not leave anything out.
  bool idle() {
    base::MutexLock lock(mu_);
    return !writing_ && !slot_.has_value() && !ended_;
  }

  bool over() {
    base::MutexLock lock(mu_);
    return ended_ || cancelled_;
  }

  void OnWriteDone(bool ok) override {
    base::MutexLock lock(mu_);
    writing_ = false;
    if (!ok) slot_.reset();
    Pump();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    {
      base::MutexLock lock(mu_);
      cancelled_ = true;
    }
    self_.reset();
  }

 private:
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || finished_) return;
    if (slot_.has_value()) {
      outgoing_ = *std::move(slot_);
      slot_.reset();
      writing_ = true;
      this->StartWrite(&outgoing_);
    } else if (ended_) {
      finished_ = true;
      this->Finish(final_);
    }
  }

  std::shared_ptr<Watcher> self_;
  base::Mutex mu_;
  Response outgoing_ ABSL_GUARDED_BY(mu_);
  std::optional<Response> slot_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  grpc::Status final_ ABSL_GUARDED_BY(mu_);
};

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
