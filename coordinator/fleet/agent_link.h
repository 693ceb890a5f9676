// The coordinator's end of one agent's stream. What is sent is a desired state in one slot a kind:
// a newer one replaces an older one that was not written yet, so a slow agent costs four slots and
// never a queue.
#ifndef LOCKSTEP_COORDINATOR_FLEET_AGENT_LINK_H_
#define LOCKSTEP_COORDINATOR_FLEET_AGENT_LINK_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

struct LeaseOffer {
  LeaseToken token;
  Version first = 0;
  Version last = 0;
  absl::Time expires_at;
};

// What migrations have changed.
struct SchemaChange {
  int64_t revision = 0;  // Up to which this tells.
  Version applied = 0;   // As of then.
  std::set<std::string> objects;
  bool everything = false;  // More may have changed than `objects` says.
};

// A part of a backfill; all that is to be known of it the agent reads by the token.
struct BackfillOffer {
  LeaseToken token;
  std::string name;
};

// Implementations are thread-safe and never block.
class AgentLink {
 public:
  virtual ~AgentLink() = default;
  virtual void SendGate(const Verdict& verdict) = 0;
  virtual void SendOffer(const LeaseOffer& offer) = 0;
  virtual void SendBackfill(const BackfillOffer&) {}  // Those that take none ignore it.
  virtual void SendRevoked(const LeaseToken& token, const std::string& reason) = 0;
  // Changes that were not sent yet are merged with this. Whoever keeps nothing of the schema need
  // not be told.
  virtual void SendSchemaChange(const SchemaChange&) {}
  // Ends the stream with `status`; what was not written yet is dropped.
  virtual void Close(const absl::Status& status) = 0;
  // Asks the agent to come back after `after`, and ends the stream with `status` when that and what
  // was to be sent before is written.
  virtual void SendAway(absl::Duration after, const absl::Status& status) = 0;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_AGENT_LINK_H_
