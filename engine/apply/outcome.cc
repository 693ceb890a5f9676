#include "engine/apply/outcome.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "engine/base/backoff.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::Param;

constexpr base::BackoffOptions kAskAgain = {.base = absl::Milliseconds(50),
                                            .cap = absl::Seconds(1)};

constexpr int kDenials = 2;

constexpr char kAsk[] =
    "SELECT lockstep.outcome($1::pg_catalog.int8, $2::pg_catalog.uuid, $3::pg_catalog.int4,"
    " $4::pg_catalog.text::pg_catalog.xid8)";

// "committed", "in_progress" or "not_applied".
absl::StatusOr<std::string> Ask(const MigrationSessionOptions& options, const LeaseToken& token,
                                chain::Version version, const std::string& xid) {
  ASSIGN_OR_RETURN(const MigrationSession opened, OpenMigrationSession(options));
  ASSIGN_OR_RETURN(const postgres::Result result,
                   opened.session->Execute(kAsk, {Param(token.epoch), Param(token.lease_id),
                                                  Param(version), Param(xid)}));
  return result.only().Text(0);
}

}  // namespace

CommitOutcome ResolveCommit(const MigrationSessionOptions& options, const LeaseToken& token,
                            chain::Version version, const std::string& xid,
                            const Cancellation& cancellation, absl::Duration limit) {
  const absl::Duration deadline = base::SystemClock()->SinceBoot() + limit;
  base::Backoff backoff(kAskAgain);
  // The history and the transaction's status are two reads, and the COMMIT may fall between them: a
  // first "not applied" only proves that the transaction has ended, the second that it left
  // nothing.
  int denials = 0;
  for (;;) {
    const absl::StatusOr<std::string> answer = Ask(options, token, version, xid);
    if (answer.ok() && *answer == "committed") return CommitOutcome::kCommitted;
    denials = answer.ok() && *answer == "not_applied" ? denials + 1 : 0;
    if (denials == kDenials) return CommitOutcome::kNotApplied;
    if (denials > 0) continue;
    const absl::Duration left = deadline - base::SystemClock()->SinceBoot();
    if (left <= absl::ZeroDuration() || cancellation.WaitFor(std::min(left, backoff.Next()))) {
      base::LogWarning(
          "outcome of a commit unknown",
          {{"version", std::to_string(version)},
           {"answer", answer.ok() ? *answer : std::string(answer.status().message())}});
      return CommitOutcome::kUnknown;
    }
  }
}

}  // namespace lockstep::apply
