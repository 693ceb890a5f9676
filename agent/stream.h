// One bidirectional Session call: sends what the outbox holds, one message at a time, and hands
// every response on. It lives from Start until its OnDone has returned; the last owner may let go
// of it earlier.
//
//   auto stream = std::make_shared<Stream>(&outbox, handler);
//   stream->Start(channel);
//   outbox.Put(...); stream->Flush();          // any thread, never blocks
//   stream->Cancel();                          // ... then handler.done is called
//
// Not guaranteed: that a message was received because it was sent.
//
// Thread-safe.
#ifndef LOCKSTEP_AGENT_STREAM_H_
#define LOCKSTEP_AGENT_STREAM_H_

#include <functional>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "lockstep/v1/agent.grpc.pb.h"
#include "lockstep/v1/agent.pb.h"

#include "agent/outbox.h"
#include "engine/base/mutex.h"

namespace lockstep::agent {

// Called on gRPC's threads, one call at a time; must not block. `done` is the last call.
struct StreamHandler {
  std::function<void(const v1::SessionResponse&)> response;
  std::function<void(const absl::Status&)> done;
};

class Stream : public grpc::ClientBidiReactor<v1::SessionRequest, v1::SessionResponse>,
               public std::enable_shared_from_this<Stream> {
 public:
  // `outbox` must outlive the call to handler.done.
  Stream(Outbox* outbox, StreamHandler handler) : outbox_(outbox), handler_(std::move(handler)) {}

  // Dials and sends what the outbox holds. Once.
  void Start(const std::shared_ptr<grpc::Channel>& channel);
  // The outbox holds something.
  void Flush();
  // Ends the call; `done` follows.
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  Outbox* const outbox_;
  const StreamHandler handler_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  std::shared_ptr<Stream> self_;  // Until OnDone.
  v1::SessionResponse incoming_;  // The read under way.

  base::Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;  // No more reads, so no more writes are begun.
  v1::SessionRequest outgoing_;              // The write under way; owned by it while writing_.
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_STREAM_H_
