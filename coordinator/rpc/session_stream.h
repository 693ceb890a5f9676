// One agent's stream: the gRPC end of AgentLink.
#ifndef LOCKSTEP_COORDINATOR_RPC_SESSION_STREAM_H_
#define LOCKSTEP_COORDINATOR_RPC_SESSION_STREAM_H_

#include <array>
#include <functional>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "lockstep/v1/agent.pb.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/lease/lessor.h"

namespace lockstep::coordinator {

// What a stream talks to; all must outlive the server.
struct SessionPeers {
  Fleet* fleet = nullptr;
  Lessor* lessor = nullptr;
  Durations durations;
  const base::Clock* clock = base::SystemClock();
  std::function<absl::StatusOr<LeaderToken>()> accepting;  // Leads, and has loaded its memory.
  // Of the database, as of this leader's election.
  std::function<int64_t()> incarnation = [] { return int64_t{0}; };
  // An instance said hello to this leader.
  std::function<void(const std::string& session_id)> heard = [](const std::string&) {};
  std::function<void()> wake_driver;
  std::function<void()> on_progress;
};

// Lives until gRPC is done with it (OnDone) and nobody holds the link any more. Nothing here
// blocks: the fleet hands SQL to workers. What is to be written waits in one slot a kind.
class SessionStream : public grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>,
                      public AgentLink,
                      public std::enable_shared_from_this<SessionStream> {
 public:
  static std::shared_ptr<SessionStream> Start(const SessionPeers* peers);
  explicit SessionStream(const SessionPeers* peers) : peers_(peers) {}

  void SendGate(const Verdict& verdict) override;
  void SendOffer(const LeaseOffer& offer) override;
  void SendBackfill(const BackfillOffer& offer) override;
  void SendRevoked(const LeaseToken& token, const std::string& reason) override;
  void SendSchemaChange(const SchemaChange& change) override;
  void Close(const absl::Status& status) override;
  void SendAway(absl::Duration after, const absl::Status& status) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override {}
  void OnDone() override;

 private:
  // In the order in which they are written.
  enum Slot {
    kWelcome,
    kRevoked,
    kOffer,
    kBackfill,
    kGate,
    kSchema,
    kAck,
    kReconnect,
    kSlots
  };

  absl::Status Handle(const v1::SessionRequest& request);
  absl::Status HandleHello(const v1::Hello& hello);
  void HandleProgress(const v1::RunProgress& progress);
  void HandleAnswer(const v1::LeaseAnswer& answer);
  void ResumeLease(const v1::Hello& hello);
  void Put(Slot slot, v1::SessionResponse response);
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SessionPeers* const peers_;
  std::shared_ptr<SessionStream> self_;  // Until OnDone.

  // Of the read side alone, which gRPC calls one at a time.
  v1::SessionRequest incoming_;
  std::string session_id_;  // Empty before hello.
  bool goodbye_ = false;
  Version committed_ = 0;

  base::Mutex mu_;
  v1::SessionResponse outgoing_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> leaving_ ABSL_GUARDED_BY(mu_);  // The end, when all is written.
  std::array<std::optional<v1::SessionResponse>, kSlots> slots_ ABSL_GUARDED_BY(mu_);
  SchemaChange schema_ ABSL_GUARDED_BY(mu_);  // What slot kSchema holds.
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_SESSION_STREAM_H_
