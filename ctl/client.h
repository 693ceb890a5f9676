// The way to a coordinator: which address, how long to try, and what to do when it goes away.
//
//   Client client({.addresses = flags.addresses, .timeout = flags.timeout}, &interrupt);
//   ASSIGN_OR_RETURN(const auto response,
//                    client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
//
// Nothing is connected before the first call. A call that fails because the coordinator is gone,
// restarts or does not lead is made again elsewhere, a bounded number of times: every rpc of
// release tooling is a read, idempotent by its content or idempotent by its request_id.
//
// Not guaranteed: that a write which failed with UNAVAILABLE was not done.
// Not thread-safe; one command, one thread.
#ifndef LOCKSTEP_CTL_CLIENT_H_
#define LOCKSTEP_CTL_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/interrupt.h"
#include "engine/base/backoff.h"

namespace lockstep::ctl {

inline constexpr char kSystemSocket[] = "unix:/run/lockstep/lockstep.sock";
inline constexpr char kDefaultAddress[] = "127.0.0.1:7411";
inline constexpr char kDefaultPort[] = "7411";

// How long to wait for one address to answer.
inline constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
// How long one call may take when no --timeout says otherwise.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(60);
// How often one call is made in all,
inline constexpr int kMaxAttempts = 4;
// and for how long while coordinators answer that they do not lead: after a leader's death an
// election takes one and a half of its TTLs at most.
inline constexpr absl::Duration kElectionPatience = absl::Seconds(15);

struct Candidate {
  std::string address;
  std::string origin;  // "--address", "LOCKSTEP_ADDRESS", "lockstep dev", "system socket",
                       // "default".
  bool operator==(const Candidate&) const = default;
};

// Where to look, in order: only what --address says, else only what LOCKSTEP_ADDRESS says
// (separated by commas; `environment` may be null), else the coordinator of a running `lockstep
// dev` (`dev`, as dev::FindAddress finds it), the system socket and the local port. Somebody who
// names a coordinator must never end up at another one.
std::vector<Candidate> FindCandidates(const std::vector<std::string>& addresses,
                                      const char* environment,
                                      const std::optional<std::string>& dev = std::nullopt);

struct ClientOptions {
  std::vector<Candidate> candidates;
  // Why there are no candidates; what the first call fails with.
  absl::Status unresolved = absl::OkStatus();
  std::optional<absl::Duration> timeout;  // For the whole command.
};

class Client {
 public:
  // `interrupt` must outlive the client.
  Client(ClientOptions options, Interrupt* interrupt);

  // Makes one call. Errors are the server's, or UNAVAILABLE (COORDINATOR_UNAVAILABLE, one blocker
  // for each address tried), DEADLINE_EXCEEDED (TIMEOUT), CANCELLED (INTERRUPTED, TERMINATED).
  template <class Stub, class Request, class Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    Response response;
    const absl::Status status =
        Attempt([&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
          Stub stub(channel);
          return (stub.*method)(context, request, &response);
        });
    if (!status.ok()) return status;
    return response;
  }

  // Returns a connected channel, connecting first when there is none. UNAVAILABLE when no address
  // answers; CANCELLED. Tries each address once, `kConnectTimeout` each.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect();

  // After a call or stream failed: leaves the channel, so that the next Connect() begins with the
  // leader that `status` names, or with the address after the one that failed.
  void Leave(const absl::Status& status);

  bool connected() const { return channel_ != nullptr; }
  // Whether somebody named a coordinator, so that no default was used.
  bool named() const;
  // Who answered, while connected.
  const Candidate& peer() const { return peer_; }

  // When --timeout ends; InfiniteFuture without one.
  absl::Time deadline() const { return deadline_; }
  // DEADLINE_EXCEEDED (TIMEOUT); the message says how long was waited.
  absl::Status TimeoutError() const;
  Interrupt& interrupt() { return *interrupt_; }

 private:
  using AttemptFn = absl::FunctionRef<grpc::Status(const std::shared_ptr<grpc::Channel>& channel,
                                                   grpc::ClientContext* context)>;
  absl::Status Attempt(AttemptFn attempt);
  absl::Status AttemptOnce(AttemptFn attempt);
  absl::Status Probe(grpc::Channel& channel);

  const ClientOptions options_;
  Interrupt* const interrupt_;
  const absl::Time deadline_;
  std::shared_ptr<grpc::Channel> channel_;
  Candidate peer_;
  std::string leader_;  // Tried first; empty when none was named.
  bool at_leader_ = false;
  size_t next_ = 0;  // The candidate to begin with.
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CLIENT_H_
