// Publishing: what a file must be to get into the chain, beside what is published already and what
// the safety analysis says of it. And judging once more what is published and has not run.
//
// Functions block on SQL; a connection is used by one thread at a time.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_PUBLISHING_H_
#define LOCKSTEP_COORDINATOR_OPERATION_PUBLISHING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/review/review.h"
#include "coordinator/store/chain_store.h"

namespace lockstep::coordinator {

// What the findings of the safety analysis do to a publish. What no allow directive could cover
// always stops it.
enum class LintMode { kError, kWarn, kOff };

struct PublishRequest {
  std::vector<chain::Migration> migrations;  // Consecutive.
  std::vector<chain::Backfill> backfills;
  std::string parent_hash;  // 32 raw bytes, or empty before version 1.
  bool validate_only = false;
  std::string actor;
  LintMode lint = LintMode::kError;
};

struct PublishResult {
  Version head = 0;
  std::string head_hash;
  std::vector<Version> added;
  std::vector<std::string> added_backfills;
  int64_t revision = 0;  // Of the chain afterwards.
  Review review;  // Of what had not run and, last, of what was added; empty when nothing was.
};

// "003_title.sql".
std::string FileNameOf(Version version, const std::string& title);

// Appends what is new of the request, or with validate_only says what would be. Republishing what
// is published is a no-op. FAILED_PRECONDITION (LINT_FAILED) as CheckFindings; ABORTED
// (CHAIN_DIVERGED) with both sides' hashes when the chains part, FAILED_PRECONDITION
// (DIGEST_MISMATCH) when a published file was edited; UNAVAILABLE (NOT_LEADER).
absl::StatusOr<PublishResult> PublishChain(postgres::Connection& connection,
                                           const LeaderToken& leader,
                                           const PublishRequest& request);

// Judges what has not run against what is in use now, before any of it is granted; what that makes
// stronger is stored. On a database that was never served nothing is in use: not for that.
absl::Status JudgePending(postgres::Connection& connection, const LeaderToken& leader);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_PUBLISHING_H_
