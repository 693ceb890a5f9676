#include "ctl/client.h"

#include <algorithm>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/errors.h"
#include "ctl/output.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "proto/convert/status.h"

namespace lockstep::ctl {
namespace {

// Larger than any plan or fleet we serve; a wrong server cannot fill our memory.
constexpr int kMaxReceiveBytes = 64 << 20;
// A dead coordinator's host is noticed within half a minute even while nothing is said.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// How long a probe sleeps at most before it looks whether it was interrupted.
constexpr absl::Duration kProbeSlice = absl::Milliseconds(50);
constexpr char kSystemSocketOrigin[] = "system socket";
constexpr absl::Duration kExplainTimeout = absl::Seconds(1);

std::string WithPort(const std::string& address) {
  // A scheme ("unix:", "dns:") or a port has a colon; so has a bare IPv6 address, left alone too.
  return absl::StrContains(address, ":") ? address : absl::StrCat(address, ":", kDefaultPort);
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // A control plane is not reached through the proxy that people browse with.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A shared subchannel would remember the back-off of the last failure and answer from it.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(WithPort(address), grpc::InsecureChannelCredentials(),
                                   arguments);
}

// gRPC tells why it could not connect only in the error of a call; its last clause is the cause.
std::string WhyUnreachable(const std::string& message) {
  const std::vector<std::string> clauses = absl::StrSplit(message, ": ");
  return clauses.back().empty() ? message : clauses.back();
}

// A direct upgrade leads as long as it takes: that is no election.
bool MayBeElection(const absl::Status& status) {
  return base::ReasonOf(status) == "NOT_LEADER" && base::MetadataOf(status, "direct").empty();
}

}  // namespace

std::vector<Candidate> FindCandidates(const std::vector<std::string>& addresses,
                                      const char* environment,
                                      const std::optional<std::string>& dev) {
  std::vector<Candidate> candidates;
  for (const std::string& address : addresses) candidates.push_back({address, "--address"});
  if (!candidates.empty()) return candidates;
  for (absl::string_view address :
       absl::StrSplit(environment == nullptr ? "" : environment, ',', absl::SkipWhitespace())) {
    candidates.push_back({std::string(absl::StripAsciiWhitespace(address)), "LOCKSTEP_ADDRESS"});
  }
  if (!candidates.empty()) return candidates;
  if (dev.has_value()) candidates.push_back({*dev, "lockstep dev"});
  candidates.push_back({kSystemSocket, kSystemSocketOrigin});
  candidates.push_back({kDefaultAddress, "default"});
  return candidates;
}

Client::Client(ClientOptions options, Interrupt* interrupt)
    : options_(std::move(options)),
      interrupt_(interrupt),
      deadline_(options_.timeout.has_value() ? absl::Now() + *options_.timeout
                                             : absl::InfiniteFuture()) {
  LOCKSTEP_CHECK(!options_.candidates.empty() || !options_.unresolved.ok());
}

bool Client::named() const {
  return options_.candidates.empty() || options_.candidates.front().origin != kSystemSocketOrigin;
}

absl::Status Client::TimeoutError() const {
  return base::MakeError(
      absl::StatusCode::kDeadlineExceeded, kReasonTimeout,
      absl::StrCat("no result within ", DurationText(options_.timeout.value_or(kCallTimeout))));
}

absl::Status Client::Probe(grpc::Channel& channel) {
  const absl::Time end = std::min(absl::Now() + kConnectTimeout, deadline_);
  grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  while (state != GRPC_CHANNEL_READY) {
    if (interrupt_->raised()) return interrupt_->ToStatus();
    if (absl::Now() >= end) {
      return absl::UnavailableError(
          absl::StrCat("no answer within ", DurationText(kConnectTimeout)));
    }
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) {
      return absl::UnavailableError("");
    }
    channel.WaitForStateChange(state, absl::ToChronoTime(absl::Now() + kProbeSlice));
    state = channel.GetState(/*try_to_connect=*/true);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Client::Connect() {
  if (channel_ != nullptr) return channel_;
  if (!options_.unresolved.ok()) return options_.unresolved;
  std::vector<Candidate> order;
  if (!leader_.empty()) order.push_back({leader_, "the leader"});
  for (size_t i = 0; i < options_.candidates.size(); ++i) {
    order.push_back(options_.candidates[(next_ + i) % options_.candidates.size()]);
  }
  base::ErrorInfo info{.reason = kReasonUnreachable};
  for (size_t i = 0; i < order.size(); ++i) {
    const std::shared_ptr<grpc::Channel> channel = NewChannel(order[i].address);
    const absl::Status probed = Probe(*channel);
    if (absl::IsCancelled(probed)) return probed;
    if (probed.ok()) {
      at_leader_ = !leader_.empty() && i == 0;
      channel_ = channel;
      peer_ = order[i];
      return channel_;
    }
    std::string why(probed.message());
    if (why.empty()) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + kExplainTimeout));
      v1::GetStatusResponse unused;
      v1::StatusService::Stub stub(channel);
      why = WhyUnreachable(stub.GetStatus(&context, {}, &unused).error_message());
    }
    info.blockers.push_back(
        {"address", order[i].address, absl::StrCat(why, " (", order[i].origin, ")")});
  }
  leader_.clear();
  return base::MakeError(absl::StatusCode::kUnavailable, "no coordinator is reachable",
                         std::move(info));
}

void Client::Leave(const absl::Status& status) {
  channel_.reset();
  const std::string leader = base::MetadataOf(status, "leader_address");
  // A named leader that did not answer as one is not asked again at once.
  if (!at_leader_) next_ = (next_ + 1) % options_.candidates.size();
  leader_ = leader;
  at_leader_ = false;
}

absl::Status Client::AttemptOnce(AttemptFn attempt) {
  ASSIGN_OR_RETURN(const auto channel, Connect());
  grpc::ClientContext context;
  const absl::Time end = std::min(absl::Now() + kCallTimeout, deadline_);
  context.set_deadline(absl::ToChronoTime(end));
  Interrupt::CancelScope scope(*interrupt_, &context);
  const absl::Status status = convert::FromGrpc(attempt(channel, &context));
  if (!status.ok() && interrupt_->raised()) return interrupt_->ToStatus();
  if (absl::IsDeadlineExceeded(status) && absl::Now() >= end) return TimeoutError();
  return status;
}

absl::Status Client::Attempt(AttemptFn attempt) {
  const absl::Time patience = absl::Now() + kElectionPatience;
  base::Backoff backoff({.base = absl::Milliseconds(100), .cap = absl::Seconds(2)});
  for (int tried = 1;; ++tried) {
    const absl::Status status = AttemptOnce(attempt);
    if (!absl::IsUnavailable(status)) return status;
    const bool connected = channel_ != nullptr;
    // Nothing listens anywhere: the answer is known, a person waits for it.
    if (!connected) return status;
    if (tried >= kMaxAttempts && !(MayBeElection(status) && absl::Now() < patience)) return status;
    Leave(status);
    if (leader_.empty() && !interrupt_->SleepFor(backoff.Next())) return interrupt_->ToStatus();
    if (absl::Now() >= deadline_) return TimeoutError();
  }
}

}  // namespace lockstep::ctl
