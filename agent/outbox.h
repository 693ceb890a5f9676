// What an agent wants to tell its coordinator: one slot for each kind of message, overwritten in
// place, so that a slow stream costs a handful of messages and never a queue.
//
// Thread-safe; never blocks.
#ifndef LOCKSTEP_AGENT_OUTBOX_H_
#define LOCKSTEP_AGENT_OUTBOX_H_

#include <array>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "lockstep/v1/agent.pb.h"

#include "engine/base/mutex.h"

namespace lockstep::agent {

class Outbox {
 public:
  // Empties every slot: a new stream begins with nothing but what is put next.
  void Reset();

  // `request` must have a message set; it replaces an older one of its kind.
  void Put(v1::SessionRequest request);

  // Takes the message that goes first: hello, heartbeat, lease answer, progress, the end of a part
  // of a backfill, drain, goodbye. Absent when there is none, and for ever after the goodbye until
  // Reset.
  std::optional<v1::SessionRequest> Take();

  // True once the goodbye was taken.
  bool is_closed() const;

 private:
  static constexpr size_t kKinds = 7;

  mutable base::Mutex mu_;
  std::array<std::optional<v1::SessionRequest>, kKinds> slots_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_OUTBOX_H_
