// grpc.health.v1 of lockstep-agent, for orchestrators and proxies that probe with gRPC. It answers
// for
//
//   ""           what "readiness" is
//   "readiness"  whether the service serves: what HTTP's /readyz says
//   "gate"       whether the gate is open: /gate
//   "liveness"   SERVING as long as somebody answers: /livez
//
// and NOT_FOUND (Check) or SERVICE_UNKNOWN (Watch) for any other name.
#ifndef LOCKSTEP_AGENT_HEALTH_HEALTH_SERVER_H_
#define LOCKSTEP_AGENT_HEALTH_HEALTH_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "agent/health/address.h"

namespace lockstep::health {

// Calls of Watch at a time; further ones end with RESOURCE_EXHAUSTED (RATE_LIMITED).
inline constexpr size_t kMaxWatchers = 100;

// What is answered. Called from gRPC's threads, several at a time; must not block.
struct Probes {
  std::function<bool()> ready;
  std::function<bool()> gate_open;
};

// Thread-safe.
class HealthServer {
 public:
  // Listens. UNAVAILABLE (HEALTH_LISTEN) when that cannot be. Does not share its port.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Start(const Address& address, Probes probes);
  // Ends all watches with UNAVAILABLE after what they were told, and whatever is under way within
  // three seconds; then calls no probe any more.
  ~HealthServer();
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  int port() const;
  // To be called after the answer of a probe has changed: tells those that watch. Never blocks.
  void Changed();

 private:
  class Impl;
  explicit HealthServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep::health

#endif  // LOCKSTEP_AGENT_HEALTH_HEALTH_SERVER_H_
