// One agent's session with whichever coordinator leads: registers, sends heartbeats, hands on what
// comes back, and dials again for as long as it lives. The session id and the nonce stay the same
// over all streams, so a reconnect costs the coordinator no write.
//
//   Session session(options, hooks);
//   session.Start();
//   session.SetServing(true);
//   session.Stop("shutdown", absl::Seconds(5));
//
// Not guaranteed: that anything posted arrives. Every message is a state; what was lost with a
// stream is told again by the next hello, or is out of date.
//
// Thread-safe. One thread dials and keeps time; gRPC's threads read and write.
#ifndef LOCKSTEP_AGENT_SESSION_H_
#define LOCKSTEP_AGENT_SESSION_H_

#include <functional>
#include <grpcpp/channel.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lockstep/agent.h"
#include "lockstep/v1/agent.pb.h"

#include "agent/endpoints.h"
#include "agent/outbox.h"
#include "agent/stream.h"
#include "agent/worker.h"
#include "engine/apply/lease.h"
#include "engine/base/backoff.h"
#include "engine/base/mutex.h"

namespace lockstep::agent {

// While a session is live, dialling backs off to at most this, unless the coordinator says
// otherwise: together with the time a change of leader takes it must stay below the time after
// which a `stop` instance stops itself.
inline constexpr absl::Duration kLiveReconnectCap = absl::Seconds(3);

struct SessionOptions {
  std::vector<std::string> addresses;  // Must have passed CheckAddresses.
  absl::Duration reconnect_cap = absl::Seconds(30);
  // What stays the same in every hello: session_id, instance, nonce, declaration, agent_version.
  v1::Hello identity;
};

// What a session asks and tells. Called from its own and from gRPC's threads, without its locks
// held; none but `prepare` may block.
struct SessionHooks {
  std::function<void()> prepare;                           // Before the first dial.
  std::function<void(const std::string& why)> connecting;  // Why no coordinator answers.
  std::function<void(GateVerdict)> gate;
  std::function<void(int64_t incarnation)> incarnation;  // Of the database, with each welcome.
  std::function<void(const v1::SchemaChanged&)> schema_changed;
  std::function<int64_t()> schema_revision;  // Up to which changes of the schema are known.
  // What was sent at `sent` was acknowledged: a hello, or the newest heartbeat.
  std::function<void(absl::Duration sent, absl::Duration stop_after)> acknowledged;
  std::function<void(const LeaseOffer&)> offer;
  std::function<void(const apply::LeaseToken&, const std::string& why)> revoked;
  std::function<void(const apply::LeaseToken&, const std::string& name)> backfill = {};
  std::function<std::optional<apply::LeaseToken>()> held_lease;
  std::function<Fitness()> fitness;
  std::function<bool()> admitted;  // The gate has been open in this life.
};

class Session {
 public:
  Session(SessionOptions options, SessionHooks hooks);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Start();

  // None of these blocks.
  void SetServing(bool serving);
  void SetDraining();
  void Answer(const apply::LeaseToken& token, bool accepted, const std::string& why);
  void ReportProgress(const apply::LeaseToken& token, const apply::Progress& progress);
  void ReportBackfillEnded(const apply::LeaseToken& token);
  // Says hello again, because what it tells has changed.
  void Redial();

  bool connected() const;
  // A coordinator has welcomed it once.
  bool registered() const;
  // The goodbye was heard; of a session that was stopped.
  bool goodbye_heard() const;
  // The channel to the coordinator that welcomed us; null while there is none.
  std::shared_ptr<grpc::Channel> channel() const;

  // Says goodbye, waiting at most `timeout` for it to be heard, and ends the thread. Idempotent;
  // not from a hook.
  void Stop(const std::string& reason, absl::Duration timeout);

 private:
  enum class Action { kEnded, kCancel, kHeartbeat, kGoodbye };

  // What is known of the stream that is up, or was last.
  struct Connection {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::shared_ptr<Stream> stream;  // Null before it was started and after it ended.
    absl::Duration started;          // Times are on the clock since boot.
    absl::Duration last_heard;
    absl::Duration heartbeat_interval;
    absl::Duration next_heartbeat;
    absl::Duration stop_after;     // These two as the last welcome said; zero before the first.
    absl::Duration reconnect_cap;  // Of a live session.
    int64_t sequence = 0;
    std::map<int64_t, absl::Duration> unacknowledged;  // When each heartbeat was sent.
    bool welcomed = false;
    bool cancelled = false;
    bool goodbye_sent = false;
    bool redial = false;
    std::optional<v1::Reconnect> reconnect;
    std::optional<absl::Status> end;
  };

  void Loop();
  bool Finished() const;
  bool stopping() const;
  // Dials `address` and keeps the stream until it ends; returns what is left to know of it.
  Connection RunStream(const std::string& address);
  void Begin(const std::string& address, std::shared_ptr<grpc::Channel> channel);
  v1::SessionRequest MakeHello();
  Action NextAction();
  bool MustCancel(absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When the stream is silent for too long.
  absl::Duration GiveUpAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration NextEvent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SendHeartbeat();
  void SendGoodbye();
  absl::Duration DelayAfter(const Connection& ended);
  void Rest(absl::Duration delay);
  void LogLoss(const Connection& ended);

  void OnResponse(const v1::SessionResponse& response);
  void OnWelcome(const v1::Welcome& welcome);
  void OnAck(int64_t sequence);
  void OnDone(const absl::Status& status);
  void Post(v1::SessionRequest request);

  const SessionOptions options_;
  const SessionHooks hooks_;
  Outbox outbox_;

  // The session's thread only.
  Endpoints endpoints_;
  base::Backoff backoff_;
  std::optional<base::Backoff> live_backoff_;  // Up to live_cap_.
  absl::Duration live_cap_;
  bool loss_logged_ = false;

  std::thread thread_;  // Start and Stop only.

  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  Connection connection_ ABSL_GUARDED_BY(mu_);
  bool serving_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool registered_ ABSL_GUARDED_BY(mu_) = false;  // Some stream was welcomed.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool goodbye_heard_ ABSL_GUARDED_BY(mu_) = false;
  std::string stop_reason_ ABSL_GUARDED_BY(mu_);
  absl::Duration stop_by_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_SESSION_H_
