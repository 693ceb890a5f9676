#include "agent/outbox.h"

#include <utility>

#include "engine/base/status_macros.h"

namespace lockstep::agent {
namespace {

using v1::SessionRequest;

// The slot of a message, in the order of sending. A heartbeat goes before what may be many, and the
// goodbye goes when nothing else is left.
constexpr std::array<SessionRequest::MessageCase, 7> kOrder = {
    SessionRequest::kHello,    SessionRequest::kHeartbeat,     SessionRequest::kLeaseAnswer,
    SessionRequest::kProgress, SessionRequest::kBackfillEnded, SessionRequest::kDrain,
    SessionRequest::kGoodbye};

size_t SlotOf(const SessionRequest& request) {
  for (size_t i = 0; i < kOrder.size(); ++i) {
    if (kOrder[i] == request.message_case()) return i;
  }
  LOCKSTEP_CHECK(false && "request without a message");
  return 0;
}

}  // namespace

void Outbox::Reset() {
  base::MutexLock lock(mu_);
  slots_ = {};
  closed_ = false;
}

void Outbox::Put(SessionRequest request) {
  static_assert(kOrder.size() == kKinds);
  const size_t slot = SlotOf(request);
  base::MutexLock lock(mu_);
  slots_[slot] = std::move(request);
}

std::optional<SessionRequest> Outbox::Take() {
  base::MutexLock lock(mu_);
  if (closed_) return std::nullopt;
  for (std::optional<SessionRequest>& slot : slots_) {
    if (!slot.has_value()) continue;
    closed_ = slot->has_goodbye();
    return std::exchange(slot, std::nullopt);
  }
  return std::nullopt;
}

bool Outbox::is_closed() const {
  base::MutexLock lock(mu_);
  return closed_;
}

}  // namespace lockstep::agent
