// What a verdict of the gate depends on, read in one go, so that it can be computed without the
// database (fleet/gate_rule.h).
#ifndef LOCKSTEP_COORDINATOR_STORE_GATE_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_GATE_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// The published chain as far as the gate needs it. Rows are appended and never change.
struct PublishedChain {
  std::vector<std::string> hashes;     // At index V - 1: the chain hash at version V, 32 raw bytes.
  std::vector<Version> default_needs;  // Likewise: the newest expand or data migration up to V.

  Version head() const { return static_cast<Version>(hashes.size()); }
};

// A contract that ran or runs; the texts are the database's.
struct GateContract {
  Version version = 0;
  std::string title;
  std::string ran_at;  // "2030-01-02 03:04:05 UTC"; empty while it is being applied.
  std::optional<std::vector<std::string>> touches;  // Absent: not known.
};

struct GateBarrier {
  Version version = 0;
  std::string title;
  std::string owner;  // Empty when not known.
  std::string until;  // Likewise: it ends only by the contract.
  std::optional<std::vector<std::string>> touches;
};

// The newest upgrade.
struct GateOperation {
  std::string operation_id;
  std::string state;
  Version target = 0;
  std::string error;
  // What it runs, or what failed: 0 when nothing is known, and then the rest is empty.
  Version version = 0;
  std::string title;
  std::string holder;
  int statement = 0;
};

struct GateFacts {
  Version applied = 0;
  Version head = 0;
  int64_t revision = 0;
  std::shared_ptr<const PublishedChain> published = std::make_shared<PublishedChain>();
  std::vector<GateContract> contracts;  // By version; only those that ran or are in flight.
  std::optional<GateBarrier> barrier;
  std::optional<GateOperation> operation;
};

// Brings `facts` up to date; reads of the published chain only what `facts` does not have. Call
// inside a snapshot. `facts` is unchanged when it fails.
absl::Status ReadGateFacts(postgres::Connection& connection, GateFacts& facts);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_GATE_STORE_H_
