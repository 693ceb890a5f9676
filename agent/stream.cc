#include "agent/stream.h"

#include <utility>

#include "proto/convert/status.h"

namespace lockstep::agent {

// Writes are begun outside of reactions, too, which gRPC permits only while a hold is taken: it is
// released when no read and no write is left, so OnDone cannot come before.
void Stream::Start(const std::shared_ptr<grpc::Channel>& channel) {
  self_ = shared_from_this();
  stub_ = v1::AgentService::NewStub(channel);
  stub_->async()->Session(&context_, this);
  AddHold();
  StartRead(&incoming_);
  StartCall();
  Flush();
}

void Stream::Flush() {
  {
    base::MutexLock lock(mu_);
    if (writing_ || ended_) return;
    std::optional<v1::SessionRequest> next = outbox_->Take();
    if (!next.has_value()) return;
    writing_ = true;
    outgoing_ = std::move(*next);
  }
  // Outside the lock: the write may take a system call. Nobody else begins one meanwhile.
  if (outgoing_.has_goodbye()) {
    StartWriteLast(&outgoing_, grpc::WriteOptions());
  } else {
    StartWrite(&outgoing_);
  }
}

void Stream::OnWriteDone(bool ok) {
  bool ended;
  {
    base::MutexLock lock(mu_);
    writing_ = false;
    ended = ended_;
  }
  if (ended) {
    RemoveHold();
  } else if (ok) {
    Flush();
  }
  // A write that failed means that the call is over; the read finds that out.
}

void Stream::OnReadDone(bool ok) {
  if (ok) {
    handler_.response(incoming_);
    StartRead(&incoming_);
    return;
  }
  bool writing;
  {
    base::MutexLock lock(mu_);
    ended_ = true;
    writing = writing_;
  }
  if (!writing) RemoveHold();
}

void Stream::OnDone(const grpc::Status& status) {
  const std::shared_ptr<Stream> self = std::move(self_);
  handler_.done(convert::FromGrpc(status));
}

}  // namespace lockstep::agent
