// The rule of the gate as a pure function: what lockstep.gate says, word for word, from facts that
// were read before.
//
// Not guaranteed: that the facts are still true. So what this returns is a hint for whoever asks
// without registering (CheckGate). It never admits: an instance counts, and may serve, only by
// lockstep.admit, which computes its verdict in the transaction that writes the session.
#ifndef LOCKSTEP_COORDINATOR_FLEET_GATE_RULE_H_
#define LOCKSTEP_COORDINATOR_FLEET_GATE_RULE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "coordinator/store/gate_store.h"

namespace lockstep::coordinator {

// The verdict for a build; the same table as in docs/concepts.md, top to bottom. Pure. Of one that
// is too old it does not know which other builds would work.
Verdict JudgeGate(const GateFacts& facts, const Declaration& declaration);

// Whether one of two names, "users" and "users.email", is the other or a part of it.
bool Overlap(absl::string_view a, absl::string_view b);

// Whether contract `contract`, which touches `touches`, concerns the build (lockstep.concerns).
bool Concerns(Version contract, const std::optional<std::vector<std::string>>& touches,
              const Declaration& declaration);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_GATE_RULE_H_
