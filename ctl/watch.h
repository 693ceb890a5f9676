// Following a server stream through lost connections, Ctrl-C and --timeout.
//
//   WatchHooks<v1::WatchOperationResponse> hooks;
//   hooks.on_event = [&](const auto& event) { ...; return ended; };
//   absl::Status status = Watch(client, &v1::OperationService::Stub::WatchOperation, request,
//   hooks);
//
// Most streams are desired states, not logs, so after a lost connection the stream is simply opened
// again. A log is watched with `lossless`, and its on_event moves `request` on, which is read again
// at each opening. A reader thread blocks in gRPC; everything else happens on the caller's thread.
#ifndef LOCKSTEP_CTL_WATCH_H_
#define LOCKSTEP_CTL_WATCH_H_

#include <algorithm>
#include <deque>
#include <functional>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "ctl/client.h"
#include "engine/base/backoff.h"
#include "engine/base/mutex.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::ctl {

// How long a coordinator may be gone before following is given up, when no --timeout says
// otherwise.
inline constexpr absl::Duration kMaxOutage = absl::Minutes(5);
// How long coordinators that answer, but do not lead or shut down, are asked for a first event.
inline constexpr absl::Duration kElectionWindow = absl::Seconds(10);
// How often the caller is woken when nothing happens, so that elapsed times move.
inline constexpr absl::Duration kTick = absl::Seconds(1);
// Events that wait for the caller at most; older ones are dropped, the newest state counts. A
// lossless stream is not read on meanwhile.
inline constexpr size_t kMaxWaitingEvents = 64;

template <class Response>
struct WatchHooks {
  // A new state. True: this was what was waited for.
  std::function<bool(const Response&)> on_event;
  // Nothing happened for kTick. May be empty.
  std::function<void()> on_tick;
  // The coordinator is gone, and another try follows. May be empty.
  std::function<void(const absl::Status&)> on_outage;
  // No event may be left out.
  bool lossless = false;
  // How long none may be reachable before the first event and after one.
  absl::Duration first_outage = absl::ZeroDuration();
  absl::Duration later_outage = kMaxOutage;
};

// What the reader thread hands over. Thread-safe.
template <class Response>
class EventQueue {
 public:
  explicit EventQueue(bool lossless) : lossless_(lossless) {}

  void Push(Response event) {
    base::MutexLock lock(mu_);
    while (lossless_ && events_.size() == kMaxWaitingEvents && !closed_) changed_.Wait(lock);
    if (events_.size() == kMaxWaitingEvents) events_.pop_front();
    events_.push_back(std::move(event));
    changed_.NotifyAll();
  }

  void End(absl::Status status) {
    base::MutexLock lock(mu_);
    end_ = std::move(status);
    changed_.NotifyAll();
  }

  // Nobody takes events any more.
  void Close() {
    base::MutexLock lock(mu_);
    closed_ = true;
    changed_.NotifyAll();
  }

  // Returns the next event; absent when there was none within `timeout` or the stream has ended.
  std::optional<Response> Next(absl::Duration timeout) {
    base::MutexLock lock(mu_);
    if (events_.empty() && !end_.has_value()) changed_.WaitFor(lock, timeout);
    if (events_.empty()) return std::nullopt;
    Response event = std::move(events_.front());
    events_.pop_front();
    changed_.NotifyAll();
    return event;
  }

  // How the stream ended, once all its events are taken; absent before.
  std::optional<absl::Status> ended() {
    base::MutexLock lock(mu_);
    return events_.empty() ? end_ : std::nullopt;
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  const bool lossless_;
  std::deque<Response> events_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

// One stream, read by a thread of its own; the destructor cancels and joins.
template <class Stub, class Request, class Response>
class StreamReader {
 public:
  using Method = std::unique_ptr<grpc::ClientReader<Response>> (Stub::*)(grpc::ClientContext*,
                                                                         const Request&);

  StreamReader(Client& client, std::shared_ptr<grpc::Channel> channel, Method method,
               const Request& request, bool lossless)
      : scope_(client.interrupt(), &context_), queue_(lossless) {
    thread_ = std::thread([this, channel = std::move(channel), method, request] {
      Stub stub(channel);
      const auto reader = (stub.*method)(&context_, request);
      Response response;
      while (reader->Read(&response)) queue_.Push(std::move(response));
      queue_.End(convert::FromGrpc(reader->Finish()));
    });
  }

  ~StreamReader() {
    queue_.Close();
    context_.TryCancel();
    thread_.join();
  }

  EventQueue<Response>& queue() { return queue_; }

 private:
  grpc::ClientContext context_;
  Interrupt::CancelScope scope_;
  EventQueue<Response> queue_;
  std::thread thread_;
};

// Reads one stream. Returns true when on_event was satisfied, false when --timeout or an interrupt
// ended it, else the stream's own end (UNAVAILABLE when the server closed it in order).
template <class Stub, class Request, class Response>
absl::StatusOr<bool> WatchOnce(Client& client,
                               std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                                   grpc::ClientContext*, const Request&),
                               const Request& request, const WatchHooks<Response>& hooks,
                               bool* seen) {
  ASSIGN_OR_RETURN(const auto channel, client.Connect());
  StreamReader<Stub, Request, Response> stream(client, channel, method, request, hooks.lossless);
  while (true) {
    const absl::Duration left = client.deadline() - absl::Now();
    if (left <= absl::ZeroDuration() || client.interrupt().raised()) return false;
    const std::optional<Response> event = stream.queue().Next(std::min(kTick, left));
    if (event.has_value()) {
      *seen = true;
      if (hooks.on_event(*event)) return true;
      continue;
    }
    const std::optional<absl::Status> end = stream.queue().ended();
    if (!end.has_value()) {
      if (hooks.on_tick) hooks.on_tick();
    } else {
      return end->ok() ? absl::UnavailableError("the coordinator ended the stream") : *end;
    }
  }
}

// Follows until on_event returns true. DEADLINE_EXCEEDED (TIMEOUT), CANCELLED (INTERRUPTED,
// TERMINATED), UNAVAILABLE when the coordinator was gone for longer than the hooks allow, or the
// server's own error.
template <class Stub, class Request, class Response>
absl::Status Watch(Client& client,
                   std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                       grpc::ClientContext*, const Request&),
                   const Request& request, const WatchHooks<Response>& hooks) {
  base::Backoff backoff({.base = absl::Milliseconds(100), .cap = absl::Seconds(2)});
  absl::Time lost_at = absl::Now();
  absl::Duration allowed = hooks.first_outage;
  while (true) {
    bool seen = false;
    const absl::StatusOr<bool> done = WatchOnce(client, method, request, hooks, &seen);
    if (done.ok() && *done) return absl::OkStatus();
    if (client.interrupt().raised()) return client.interrupt().ToStatus();
    if (absl::Now() >= client.deadline()) return client.TimeoutError();
    if (done.ok() || !absl::IsUnavailable(done.status())) return done.status();
    if (seen) {
      backoff.Reset();
      lost_at = absl::Now();
      allowed = hooks.later_outage;
    }
    const absl::Duration patience =
        client.connected() ? std::max(allowed, kElectionWindow) : allowed;
    if (absl::Now() - lost_at >= patience) return done.status();
    if (hooks.on_outage) hooks.on_outage(done.status());
    client.Leave(done.status());
    const absl::Duration pause = std::min(backoff.Next(), client.deadline() - absl::Now());
    if (!client.interrupt().SleepFor(pause)) return client.interrupt().ToStatus();
  }
}

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_WATCH_H_
