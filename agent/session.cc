#include "agent/session.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

#include "agent/channel.h"
#include "agent/wire.h"
#include "engine/base/clock.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "proto/convert/time.h"

namespace lockstep::agent {
namespace {

// A coordinator that accepts the stream and then says nothing is not one. No more than half the
// time that a `stop` instance has, once that is known.
constexpr absl::Duration kWelcomeLimit = absl::Seconds(10);
// Heartbeats that may stay unanswered before the stream is given up, and at least how long; of the
// latter no more than half the time that a `stop` instance has.
constexpr int kSilentHeartbeats = 3;
constexpr absl::Duration kMinSilence = absl::Seconds(10);
// What a coordinator may ask for; anything else is brought into this range.
constexpr absl::Duration kMinHeartbeat = absl::Milliseconds(50);
// Of a coordinator that does not say.
constexpr absl::Duration kDefaultStopAfter = absl::Seconds(20);
constexpr absl::Duration kMaxHeartbeat = absl::Minutes(1);
constexpr absl::Duration kMaxReconnectAfter = absl::Minutes(1);
// So that agents sent away together do not come back together.
constexpr absl::Duration kReconnectSpread = absl::Seconds(1);
// Between attempts to deliver a goodbye.
constexpr absl::Duration kStoppingRest = absl::Milliseconds(100);
constexpr size_t kMaxReasonBytes = 1024;

absl::Duration Clock() { return base::SystemClock()->SinceBoot(); }

base::BackoffOptions BackoffUpTo(absl::Duration cap) {
  return {.base = std::min(absl::Milliseconds(100), cap), .cap = cap};
}

absl::Duration AtMostHalfOf(absl::Duration stop_after, absl::Duration limit) {
  return stop_after > absl::ZeroDuration() ? std::min(limit, stop_after / 2) : limit;
}

absl::Duration ReconnectCap(const v1::Welcome& welcome) {
  const absl::Duration given = convert::FromProto(welcome.reconnect_cap());
  return given > absl::ZeroDuration() ? given : kLiveReconnectCap;
}

absl::Duration StopAfter(const v1::Welcome& welcome) {
  const absl::Duration given = convert::FromProto(welcome.stop_after());
  return given > absl::ZeroDuration() ? given : kDefaultStopAfter;
}

}  // namespace

Session::Session(SessionOptions options, SessionHooks hooks)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      endpoints_(options_.addresses),
      backoff_(BackoffUpTo(options_.reconnect_cap)),
      live_backoff_(BackoffUpTo(std::min(options_.reconnect_cap, kLiveReconnectCap))),
      live_cap_(kLiveReconnectCap) {}

Session::~Session() { Stop("the agent ends", absl::ZeroDuration()); }

void Session::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Session::Loop() {
  if (hooks_.prepare) hooks_.prepare();
  while (!Finished()) {
    const Connection ended = RunStream(endpoints_.Next());
    LogLoss(ended);
    Rest(DelayAfter(ended));
  }
}

bool Session::Finished() const {
  base::MutexLock lock(mu_);
  // A registered session is worth some more attempts: without its goodbye it goes on to count.
  return stopping_ && (!registered_ || goodbye_heard_ || Clock() >= stop_by_);
}

Session::Connection Session::RunStream(const std::string& address) {
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(address);
  Begin(address, channel);
  auto stream = std::make_shared<Stream>(
      &outbox_, StreamHandler{.response = [this](const auto& response) { OnResponse(response); },
                              .done = [this](const absl::Status& status) { OnDone(status); }});
  stream->Start(channel);
  {
    base::MutexLock lock(mu_);
    if (!connection_.end.has_value()) connection_.stream = stream;
  }
  stream->Flush();  // What was posted since.
  for (;;) {
    switch (NextAction()) {
      case Action::kEnded: {
        base::MutexLock lock(mu_);
        connection_.stream = nullptr;
        goodbye_heard_ = outbox_.is_closed() && connection_.end->ok();
        return connection_;
      }
      case Action::kCancel:
        stream->Cancel();
        break;
      case Action::kHeartbeat:
        SendHeartbeat();
        break;
      case Action::kGoodbye:
        SendGoodbye();
        break;
    }
  }
}

void Session::Begin(const std::string& address, std::shared_ptr<grpc::Channel> channel) {
  outbox_.Reset();
  bool draining;
  {
    base::MutexLock lock(mu_);
    connection_ = Connection{.address = address,
                             .channel = std::move(channel),
                             .started = Clock(),
                             .stop_after = connection_.stop_after,
                             .reconnect_cap = connection_.reconnect_cap};
    draining = draining_;
  }
  // After the reset of `redial`: what changes from now on asks for another hello.
  outbox_.Put(MakeHello());
  if (!draining) return;
  v1::SessionRequest drain;
  drain.mutable_drain();
  outbox_.Put(std::move(drain));
}

v1::SessionRequest Session::MakeHello() {
  v1::SessionRequest request;
  v1::Hello& hello = *request.mutable_hello();
  hello = options_.identity;
  const Fitness fitness = hooks_.fitness();
  hello.set_can_migrate(fitness.can_migrate);
  hello.set_migrate_error(ToWireLine(fitness.error, kMaxReasonBytes));
  if (const auto held = hooks_.held_lease(); held.has_value()) {
    *hello.mutable_held_lease() = ToProto(*held);
  }
  hello.set_schema_revision(hooks_.schema_revision());
  const bool admitted = hooks_.admitted();
  base::MutexLock lock(mu_);
  hello.set_serving(serving_ && admitted);
  return request;
}

Session::Action Session::NextAction() {
  base::MutexLock lock(mu_);
  for (;;) {
    Connection& now_up = connection_;
    if (now_up.end.has_value()) return Action::kEnded;
    const absl::Duration now = Clock();
    if (!now_up.cancelled && MustCancel(now)) {
      now_up.cancelled = true;
      return Action::kCancel;
    }
    if (stopping_ && now_up.welcomed && !now_up.goodbye_sent) {
      now_up.goodbye_sent = true;
      return Action::kGoodbye;
    }
    if (now_up.welcomed && !now_up.goodbye_sent && now >= now_up.next_heartbeat) {
      now_up.next_heartbeat = now + now_up.heartbeat_interval;
      return Action::kHeartbeat;
    }
    const absl::Duration next = NextEvent();
    if (next == absl::InfiniteDuration()) {
      changed_.Wait(lock);
    } else {
      changed_.WaitFor(lock, next - now);
    }
  }
}

bool Session::MustCancel(absl::Duration now) const {
  const Connection& up = connection_;
  if (stopping_ && (!registered_ || now >= stop_by_)) return true;
  if (up.redial || up.reconnect.has_value()) return true;
  return now >= GiveUpAt();
}

absl::Duration Session::GiveUpAt() const {
  const Connection& up = connection_;
  if (!up.welcomed) return up.started + AtMostHalfOf(up.stop_after, kWelcomeLimit);
  return up.last_heard + std::max(AtMostHalfOf(up.stop_after, kMinSilence),
                                  up.heartbeat_interval * kSilentHeartbeats);
}

absl::Duration Session::NextEvent() const {
  const Connection& up = connection_;
  if (up.cancelled) return absl::InfiniteDuration();  // Its end is all there is to wait for.
  absl::Duration next = stopping_ ? stop_by_ : absl::InfiniteDuration();
  if (up.welcomed && !up.goodbye_sent) next = std::min(next, up.next_heartbeat);
  return std::min(next, GiveUpAt());
}

void Session::SendHeartbeat() {
  v1::SessionRequest request;
  {
    base::MutexLock lock(mu_);
    request.mutable_heartbeat()->set_sequence(++connection_.sequence);
    // One that is silent for longer is cancelled, which bounds them.
    connection_.unacknowledged[connection_.sequence] = Clock();
    request.mutable_heartbeat()->set_serving(serving_);
  }
  Post(std::move(request));
}

void Session::SendGoodbye() {
  v1::SessionRequest request;
  {
    base::MutexLock lock(mu_);
    request.mutable_goodbye()->set_reason(ToWireText(stop_reason_, kMaxReasonBytes));
  }
  Post(std::move(request));
}

absl::Duration Session::DelayAfter(const Connection& ended) {
  if (ended.welcomed) {
    endpoints_.Succeeded();
    backoff_.Reset();
    live_cap_ = ended.reconnect_cap;
    live_backoff_.emplace(BackoffUpTo(std::min(options_.reconnect_cap, live_cap_)));
  }
  if (ended.redial) return absl::ZeroDuration();
  if (ended.reconnect.has_value()) {
    // It is going away itself: with nothing better to go to, the next one's turn comes.
    const std::string& address = ended.reconnect->address();
    if (address.empty() || !endpoints_.Follow(address)) endpoints_.Failed();
    absl::BitGen random;
    const absl::Duration delay =
        std::clamp(convert::FromProto(ended.reconnect->after()), absl::ZeroDuration(),
                   kMaxReconnectAfter) +
        std::min(kReconnectSpread, live_cap_) * absl::Uniform(random, 0.0, 1.0);
    base::LogInfo("coordinator stops, going elsewhere",
                  {{"address", ended.address}, {"after", absl::FormatDuration(delay)}});
    return delay;
  }
  const std::string leader = base::MetadataOf(*ended.end, "leader_address");
  if (base::ReasonOf(*ended.end) == "NOT_LEADER" && !leader.empty() && endpoints_.Follow(leader)) {
    return absl::ZeroDuration();
  }
  if (!ended.welcomed) endpoints_.Failed();
  const bool live = hooks_.admitted() || hooks_.held_lease().has_value();
  return (live ? *live_backoff_ : backoff_).Next();
}

void Session::Rest(absl::Duration delay) {
  const absl::Duration start = Clock();
  base::MutexLock lock(mu_);
  for (;;) {
    const absl::Duration wanted = stopping_ ? std::min(delay, kStoppingRest) : delay;
    const absl::Duration left = start + wanted - Clock();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(lock, left);
  }
}

void Session::LogLoss(const Connection& ended) {
  if (ended.welcomed) loss_logged_ = false;
  if (ended.redial || ended.reconnect.has_value() || ended.goodbye_sent || stopping()) return;
  std::string why(ended.end->message());
  if (ended.end->ok()) why = "the coordinator ended the stream";
  if (ended.cancelled)
    why = ended.welcomed ? "silent for too long" : "accepted us and said nothing";
  hooks_.connecting(absl::StrCat("coordinator at ", ended.address, ": ", why));
  const base::LogLevel level = loss_logged_ ? base::LogLevel::kDebug : base::LogLevel::kWarning;
  base::Log(level, ended.welcomed ? "coordinator lost" : "no coordinator there",
            {{"address", ended.address}, {"reason", base::ReasonOf(*ended.end)}, {"error", why}});
  loss_logged_ = true;
}

bool Session::stopping() const {
  base::MutexLock lock(mu_);
  return stopping_;
}

void Session::OnResponse(const v1::SessionResponse& response) {
  {
    base::MutexLock lock(mu_);
    connection_.last_heard = Clock();
  }
  switch (response.message_case()) {
    case v1::SessionResponse::kWelcome:
      return OnWelcome(response.welcome());
    case v1::SessionResponse::kHeartbeatAck:
      return OnAck(response.heartbeat_ack().sequence());
    case v1::SessionResponse::kGate:
      return hooks_.gate(FromProto(response.gate()));
    case v1::SessionResponse::kSchemaChanged:
      return hooks_.schema_changed(response.schema_changed());
    case v1::SessionResponse::kLeaseOffer:
      return hooks_.offer(FromProto(response.lease_offer()));
    case v1::SessionResponse::kLeaseRevoked:
      return hooks_.revoked(FromProto(response.lease_revoked().token()),
                            response.lease_revoked().reason());
    case v1::SessionResponse::kBackfillOffer:
      if (hooks_.backfill) {
        hooks_.backfill(FromProto(response.backfill_offer().token()),
                        response.backfill_offer().name());
      }
      return;
    case v1::SessionResponse::kReconnect: {
      base::MutexLock lock(mu_);
      connection_.reconnect = response.reconnect();
      changed_.NotifyAll();
      return;
    }
    default:  // Something newer than this agent.
      return;
  }
}

void Session::OnWelcome(const v1::Welcome& welcome) {
  std::string address;
  absl::Duration sent;
  const absl::Duration stop_after = StopAfter(welcome);
  {
    base::MutexLock lock(mu_);
    sent = connection_.started;
    connection_.stop_after = stop_after;
    connection_.reconnect_cap = ReconnectCap(welcome);
    connection_.welcomed = true;
    registered_ = true;
    connection_.heartbeat_interval =
        std::clamp(convert::FromProto(welcome.heartbeat_interval()), kMinHeartbeat, kMaxHeartbeat);
    connection_.next_heartbeat = Clock() + connection_.heartbeat_interval;
    address = connection_.address;
    changed_.NotifyAll();
  }
  hooks_.incarnation(welcome.incarnation());
  hooks_.acknowledged(sent, stop_after);
  base::LogInfo("connected to coordinator",
                {{"address", address}, {"epoch", absl::StrCat(welcome.leader_epoch())}});
}

void Session::OnAck(int64_t sequence) {
  absl::Duration sent;
  absl::Duration stop_after;
  {
    base::MutexLock lock(mu_);
    auto& waiting = connection_.unacknowledged;
    const auto found = waiting.find(sequence);
    if (found == waiting.end()) return;
    sent = found->second;
    stop_after = connection_.stop_after;
    waiting.erase(waiting.begin(), std::next(found));
  }
  hooks_.acknowledged(sent, stop_after);
}

void Session::OnDone(const absl::Status& status) {
  base::MutexLock lock(mu_);
  connection_.end = status;
  changed_.NotifyAll();
}

void Session::Post(v1::SessionRequest request) {
  outbox_.Put(std::move(request));
  std::shared_ptr<Stream> stream;
  {
    base::MutexLock lock(mu_);
    stream = connection_.stream;
  }
  if (stream != nullptr) stream->Flush();
}

void Session::SetServing(bool serving) {
  base::MutexLock lock(mu_);
  if (serving_ == serving) return;
  serving_ = serving;
  connection_.next_heartbeat = Clock();  // Which tells it.
  changed_.NotifyAll();
}

void Session::SetDraining() {
  {
    base::MutexLock lock(mu_);
    draining_ = true;
  }
  v1::SessionRequest request;
  request.mutable_drain();
  Post(std::move(request));
}

void Session::Answer(const apply::LeaseToken& token, bool accepted, const std::string& why) {
  v1::SessionRequest request;
  *request.mutable_lease_answer()->mutable_token() = ToProto(token);
  request.mutable_lease_answer()->set_accepted(accepted);
  request.mutable_lease_answer()->set_reason(ToWireText(why, kMaxReasonBytes));
  Post(std::move(request));
}

void Session::ReportProgress(const apply::LeaseToken& token, const apply::Progress& progress) {
  v1::SessionRequest request;
  *request.mutable_progress() = ToProto(token, progress);
  Post(std::move(request));
}

void Session::ReportBackfillEnded(const apply::LeaseToken& token) {
  v1::SessionRequest request;
  *request.mutable_backfill_ended()->mutable_token() = ToProto(token);
  Post(std::move(request));
}

void Session::Redial() {
  base::MutexLock lock(mu_);
  connection_.redial = true;
  changed_.NotifyAll();
}

bool Session::connected() const {
  base::MutexLock lock(mu_);
  return connection_.welcomed && connection_.stream != nullptr && !connection_.end.has_value();
}

bool Session::registered() const {
  base::MutexLock lock(mu_);
  return registered_;
}

bool Session::goodbye_heard() const {
  base::MutexLock lock(mu_);
  return goodbye_heard_;
}

std::shared_ptr<grpc::Channel> Session::channel() const {
  base::MutexLock lock(mu_);
  return connection_.welcomed && !connection_.end.has_value() ? connection_.channel : nullptr;
}

void Session::Stop(const std::string& reason, absl::Duration timeout) {
  {
    base::MutexLock lock(mu_);
    if (!stopping_) stop_reason_ = reason;
    stopping_ = true;
    stop_by_ = std::min(stop_by_, Clock() + timeout);
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace lockstep::agent
