// One client of a server-streaming call that wants to know how things are now, not how they came to
// be so: it has one slot, and a newer state replaces one that was not written yet.
#ifndef LOCKSTEP_PROTO_SERVE_WATCHER_H_
#define LOCKSTEP_PROTO_SERVE_WATCHER_H_

#include <grpcpp/grpcpp.h>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"

#include "engine/base/mutex.h"

namespace lockstep::serve {

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

}  // namespace lockstep::serve

#endif  // LOCKSTEP_PROTO_SERVE_WATCHER_H_
