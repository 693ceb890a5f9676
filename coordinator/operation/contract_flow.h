// What a contract operation does next: pure. The driver reads who is in the way, asks here, and
// moves.
//
//   barrier      nobody whom the contract concerns is let in any more
//   draining     those who are in leave
//   evidence     no connection of theirs is left, and of nobody whom nobody declared
//   soaking      it stays so for as long as was asked for
//   ready        to be granted; the grant asks once more, and so does the migration's transaction
//
// One that does not wait (neither when_drained nor a soak) has no barrier, and fails where another
// one would wait for somebody.
//
// Not guaranteed: that a connection which nobody answers for uses what the contract removes, nor
// that one which is not seen does not (it may be made in the next moment). They delay, and nothing
// that is safe depends on them.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_CONTRACT_FLOW_H_
#define LOCKSTEP_COORDINATOR_OPERATION_CONTRACT_FLOW_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "coordinator/store/contract_store.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// How long one that waits is given when it does not say.
inline constexpr absl::Duration kContractDeadline = absl::Hours(24 * 7);
inline constexpr absl::Duration kMaxContractDeadline = absl::Hours(24 * 90);

// Reasons of the errors that end a contract operation without a run having failed; BLOCKED is in
// decision.h.
inline constexpr char kReasonDeadline[] = "DEADLINE_PASSED";

enum class ContractPhase { kBarrier, kDraining, kEvidence, kSoaking, kReady };
const char* NameOf(ContractPhase phase);

struct ContractStep {
  enum class Move {
    kWait,         // `why` says for whom or what.
    kSetBarrier,
    kNoteQuiet,    // Soaking begins,
    kNoteNoise,    // and is over: somebody is there again.
    kGrant,
    kEnd,          // As `state`, with `error`.
  };
  Move move = Move::kWait;
  ContractPhase phase = ContractPhase::kBarrier;
  std::string why;
  absl::Duration retry_in = absl::InfiniteDuration();  // When to look again at the latest.
  OperationState state = OperationState::kRunning;
  std::optional<RunError> error;
};

// `operation` has not ended, and no run of it is in flight. `settling`: why a new leader grants no
// contract yet, and for how long at most; "" when it does.
ContractStep NextContractStep(const OperationRow& operation, const ContractFacts& facts,
                              const std::string& settling, absl::Duration settle_left);

// "2 of 5 instances have left; still there: platform-core (build 8d02b17) 2 live, 1 suspect": the
// worst first, at most three builds. "" when it concerns nobody.
std::string DescribeConcerned(const ContractFacts& facts);
// "client metabase (role bi, 10.2.0.7) 4 connections, 1 holds a lock", at most three. "" for none.
std::string DescribeClients(const ContractFacts& facts);
// Whether these connections hold the contract up: leftovers always, undeclared ones unless that was
// accepted.
bool AreClientsInTheWay(const ContractFacts& facts, bool accept_unknown);

// What a contract touches, for a person: names without the schema they are looked up in anyway, and
// a table but once when it is touched as a whole.
std::vector<std::string> ShortNames(const std::vector<std::string>& touches);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_CONTRACT_FLOW_H_
