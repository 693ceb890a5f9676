#include "coordinator/rpc/session_stream.h"

#include <utility>

#include "coordinator/wire/from_proto.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"
#include "proto/convert/time.h"

namespace lockstep::coordinator {
namespace {

// Of one message about changes of the schema; more are told as "everything".
constexpr size_t kMaxObjects = 1000;

}  // namespace

std::shared_ptr<SessionStream> SessionStream::Start(const SessionPeers* peers) {
  auto stream = std::make_shared<SessionStream>(peers);
  stream->self_ = stream;
  stream->StartRead(&stream->incoming_);
  return stream;
}

void SessionStream::Put(Slot slot, v1::SessionResponse response) {
  base::MutexLock lock(mu_);
  slots_[slot] = std::move(response);
  Pump();
}

// Writes the most urgent slot when nothing is being written.
void SessionStream::Pump() {
  if (writing_ || finished_) return;
  for (auto& slot : slots_) {
    if (!slot.has_value()) continue;
    outgoing_ = *std::move(slot);
    slot.reset();
    writing_ = true;
    StartWrite(&outgoing_);
    return;
  }
  if (leaving_.has_value()) FinishWith(*leaving_);
}

void SessionStream::OnWriteDone(bool ok) {
  base::MutexLock lock(mu_);
  writing_ = false;
  if (ok) Pump();
}

void SessionStream::SendGate(const Verdict& verdict) {
  v1::SessionResponse response;
  *response.mutable_gate() = ToProto(verdict, peers_->durations.admission_validity);
  Put(kGate, std::move(response));
}

void SessionStream::SendOffer(const LeaseOffer& offer) {
  v1::SessionResponse response;
  v1::LeaseOffer* const proto = response.mutable_lease_offer();
  *proto->mutable_token() = ToProto(offer.token);
  proto->set_first(offer.first);
  proto->set_last(offer.last);
  *proto->mutable_expires_at() = convert::ToProto(offer.expires_at);
  Put(kOffer, std::move(response));
}

void SessionStream::SendBackfill(const BackfillOffer& offer) {
  v1::SessionResponse response;
  *response.mutable_backfill_offer()->mutable_token() = ToProto(offer.token);
  response.mutable_backfill_offer()->set_name(offer.name);
  Put(kBackfill, std::move(response));
}

void SessionStream::SendRevoked(const LeaseToken& token, const std::string& reason) {
  v1::SessionResponse response;
  *response.mutable_lease_revoked()->mutable_token() = ToProto(token);
  response.mutable_lease_revoked()->set_reason(reason);
  Put(kRevoked, std::move(response));
}

void SessionStream::SendSchemaChange(const SchemaChange& change) {
  base::MutexLock lock(mu_);
  if (!slots_[kSchema].has_value()) schema_ = {};
  schema_.revision = change.revision;
  schema_.applied = change.applied;
  schema_.objects.insert(change.objects.begin(), change.objects.end());
  schema_.everything = schema_.everything || change.everything;
  if (schema_.objects.size() > kMaxObjects) {
    schema_.objects.clear();
    schema_.everything = true;
  }
  v1::SessionResponse response;
  v1::SchemaChanged* const proto = response.mutable_schema_changed();
  proto->set_revision(schema_.revision);
  proto->set_applied(schema_.applied);
  for (const std::string& object : schema_.objects) proto->add_objects(object);
  proto->set_everything(schema_.everything);
  slots_[kSchema] = std::move(response);
  Pump();
}

void SessionStream::Close(const absl::Status& status) {
  base::MutexLock lock(mu_);
  FinishWith(status);
}

void SessionStream::FinishWith(const absl::Status& status) {
  if (finished_) return;
  finished_ = true;
  Finish(convert::ToGrpc(status));
}

void SessionStream::SendAway(absl::Duration after, const absl::Status& status) {
  v1::SessionResponse response;
  *response.mutable_reconnect()->mutable_after() = convert::ToProto(after);
  base::MutexLock lock(mu_);
  slots_[kReconnect] = std::move(response);
  leaving_ = status;
  Pump();
}

void SessionStream::OnReadDone(bool ok) {
  if (!ok) {
    Close(absl::OkStatus());
    return;
  }
  const absl::Status handled = Handle(incoming_);
  // No operation may start after Finish, which another thread may be calling right now.
  base::MutexLock lock(mu_);
  // One that was sent away is told so before its stream ends, whatever it says meanwhile.
  if (!handled.ok() && !leaving_.has_value()) FinishWith(handled);
  if (!finished_) StartRead(&incoming_);
}

void SessionStream::OnDone() {
  if (!session_id_.empty()) {
    peers_->lessor->StreamLost(session_id_);
    peers_->fleet->Disconnect(session_id_, this, goodbye_);
    peers_->wake_driver();
  }
  self_.reset();
}

absl::Status SessionStream::Handle(const v1::SessionRequest& request) {
  if (request.has_hello()) return HandleHello(request.hello());
  if (session_id_.empty()) return InvalidField("message", "the first message must be hello");
  switch (request.message_case()) {
    case v1::SessionRequest::kHeartbeat: {
      // Who leads no more must not keep an instance serving that the next leader does not hear.
      RETURN_IF_ERROR(peers_->accepting().status());
      peers_->fleet->Heartbeat(session_id_, request.heartbeat().serving());
      peers_->lessor->Heartbeat(session_id_);
      v1::SessionResponse response;
      response.mutable_heartbeat_ack()->set_sequence(request.heartbeat().sequence());
      Put(kAck, std::move(response));
      return absl::OkStatus();
    }
    case v1::SessionRequest::kProgress:
      HandleProgress(request.progress());
      return absl::OkStatus();
    case v1::SessionRequest::kLeaseAnswer:
      HandleAnswer(request.lease_answer());
      return absl::OkStatus();
    case v1::SessionRequest::kBackfillEnded:
      peers_->wake_driver();  // Another part may be granted.
      return absl::OkStatus();
    case v1::SessionRequest::kDrain:
      peers_->fleet->Drain(session_id_);
      return absl::OkStatus();
    case v1::SessionRequest::kGoodbye:
      goodbye_ = true;
      // Closing the stream is the acknowledgement the agent waits for.
      peers_->lessor->Left(session_id_);
      peers_->fleet->Disconnect(session_id_, this, true);
      peers_->wake_driver();
      Close(absl::OkStatus());
      return absl::OkStatus();
    default:
      return absl::OkStatus();  // A newer agent's message: not for us.
  }
}

absl::Status SessionStream::HandleHello(const v1::Hello& hello) {
  ASSIGN_OR_RETURN(const LeaderToken leader, peers_->accepting());
  ASSIGN_OR_RETURN(const Declaration declaration, FromProto(hello));
  if (!session_id_.empty() && session_id_ != declaration.session_id) {
    return InvalidField("session_id", "a stream carries one session");
  }
  session_id_ = declaration.session_id;
  v1::SessionResponse response;
  v1::Welcome* const welcome = response.mutable_welcome();
  *welcome->mutable_heartbeat_interval() = convert::ToProto(peers_->durations.heartbeat);
  *welcome->mutable_stop_after() = convert::ToProto(peers_->durations.stop_after);
  *welcome->mutable_reconnect_cap() = convert::ToProto(peers_->durations.reconnect_cap);
  welcome->set_leader_epoch(leader.epoch);
  welcome->set_incarnation(peers_->incarnation());
  Put(kWelcome, std::move(response));
  RETURN_IF_ERROR(peers_->fleet->Register(shared_from_this(), declaration, hello.serving()));
  peers_->heard(session_id_);
  ResumeLease(hello);
  peers_->wake_driver();
  return absl::OkStatus();
}

// An agent that comes back in the middle of a run goes on when its token is still the one that is
// held; one that never got its offer gets it again.
void SessionStream::ResumeLease(const v1::Hello& hello) {
  if (hello.has_held_lease() && hello.held_lease().epoch() > 0) {
    const LeaseToken token = FromProto(hello.held_lease());
    if (!peers_->lessor->StreamBack(session_id_, token)) {
      SendRevoked(token, "the lease is not current");
    }
    return;
  }
  const auto held = peers_->lessor->held();
  if (!held.has_value() || held->lease.session != session_id_) return;
  peers_->lessor->OfferedAgain(session_id_);
  SendOffer({.token = held->lease.token,
             .first = held->lease.first,
             .last = held->lease.last,
             .expires_at = peers_->clock->Now() + peers_->durations.lease_ttl});
}

void SessionStream::HandleProgress(const v1::RunProgress& progress) {
  RunProgress told{.version = progress.version(),
                   .statement = progress.statement(),
                   .statements = progress.statements(),
                   .committed = progress.committed(),
                   .activity = progress.activity(),
                   .percent = progress.has_percent() ? progress.percent() : -1};
  if (progress.has_lock_wait()) told.lock = FromProto(progress.lock_wait());
  const bool current = peers_->lessor->Progress(FromProto(progress.token()), told);
  if (!current) return;
  if (progress.committed() != committed_) {
    committed_ = progress.committed();
    peers_->wake_driver();
  }
  peers_->on_progress();
}

void SessionStream::HandleAnswer(const v1::LeaseAnswer& answer) {
  if (answer.accepted()) {
    peers_->lessor->Accept(session_id_, FromProto(answer.token()));
    return;
  }
  base::LogInfo("offer declined", {{"session", session_id_}, {"reason", answer.reason()}});
  // The lease ends by the report that follows or by its expiry; nothing runs under it.
  peers_->fleet->MarkDeclined(session_id_, peers_->durations.retry_base);
  peers_->lessor->Decline(session_id_, FromProto(answer.token()));
  peers_->wake_driver();
}

}  // namespace lockstep::coordinator
