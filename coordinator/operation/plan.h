// What an upgrade would do: pure.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_PLAN_H_
#define LOCKSTEP_COORDINATOR_OPERATION_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// Migrations that one lease covers at most.
inline constexpr int kMaxRun = 256;

enum class StepKind {
  kRun,          // It runs.
  kLeftWaiting,  // A contract on a database that is served: it waits for `lockstep contract`.
  kBlocked,      // It cannot run now; nothing after it runs either.
};

struct PlanStep {
  PendingMigration migration;
  StepKind kind = StepKind::kRun;
  std::string why;     // For kBlocked and kLeftWaiting.
  bool waits = false;  // For kBlocked: what is in the way ends by itself, and an upgrade waits.
};

struct Plan {
  Version applied = 0;
  Version head = 0;
  Version target = 0;
  bool never_served = false;
  std::vector<PlanStep> steps;  // By version.

  bool HasWork() const;
  std::vector<Version> ContractsWaiting() const;
};

struct PlanInput {
  ChainRow chain;
  std::vector<PendingMigration> pending;
};

// Plans the way to `target` (0: the head). Contracts run in line on a database that was never
// served; elsewhere they run when `contracts` is set, and are left waiting when not or when they
// concern a live session or an operation of their own takes care of them: a contract never holds up
// what comes after it. A later migration that
// waits for a contract which is left waiting is blocked, and so is one that waits for a data job; a
// blocked migration ends the plan.
Plan MakePlan(const PlanInput& input, Version target, bool contracts);

struct Run {
  Version first = 0;
  Version last = 0;
  bool operator==(const Run&) const = default;
};

// The next run of a plan: consecutive transactional non-contracts, at most kMaxRun, or one
// contract, or one migration outside of a transaction. Absent when nothing can run.
std::optional<Run> NextRun(const Plan& plan);

// Identifies a plan: SHA-256 over applied, target and each step's version and kind, 32 bytes. The
// chain is covered by `head_hash`.
std::string PlanDigest(const Plan& plan, const std::string& head_hash);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_PLAN_H_
