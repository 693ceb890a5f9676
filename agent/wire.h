// The agent's values and the messages of lockstep.v1. Pure functions.
#ifndef LOCKSTEP_AGENT_WIRE_H_
#define LOCKSTEP_AGENT_WIRE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lockstep/agent.h"
#include "lockstep/v1/agent.pb.h"

#include "agent/run_client.h"
#include "agent/worker.h"
#include "engine/apply/lease.h"
#include "engine/apply/run.h"

namespace lockstep::agent {

v1::LeaseToken ToProto(const apply::LeaseToken& token);
apply::LeaseToken FromProto(const v1::LeaseToken& token);

v1::RunProgress ToProto(const apply::LeaseToken& token, const apply::Progress& progress);
v1::CompleteRunRequest ToProto(const apply::LeaseToken& token, const std::string& session_id,
                               const apply::RunResult& result);

GateVerdict FromProto(const v1::Gate& gate);
LeaseOffer FromProto(const v1::LeaseOffer& offer);
FetchedRun FromProto(v1::FetchRunResponse response);

// A wire string must be UTF-8; what PostgreSQL or a file says may not be. Bytes that are not are
// replaced by '?', and the result has at most `max_bytes`.
std::string ToWireText(absl::string_view text, size_t max_bytes);
// The same on one line: control characters, which a coordinator refuses in what it shows of an
// instance, become blanks. What libpq says of a connection has several lines.
std::string ToWireLine(absl::string_view text, size_t max_bytes);
inline constexpr size_t kMaxWireText = 16 * 1024;

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_WIRE_H_
