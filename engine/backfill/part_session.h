// The transactions of one part, on its connection: lockstep's functions around the owner's
// statements. Internal to engine/backfill.
#ifndef LOCKSTEP_ENGINE_BACKFILL_PART_SESSION_H_
#define LOCKSTEP_ENGINE_BACKFILL_PART_SESSION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/apply/lease.h"
#include "engine/apply/migration_session.h"
#include "engine/backfill/part.h"
#include "engine/backfill/ranges.h"
#include "engine/chain/chain.h"

namespace lockstep::backfill {

// What the token holds.
struct Part {
  chain::Backfill job;
  std::string kind;  // "prepare", "range", "verify"
  std::string relation;
  Key high;
  int batch_rows = 0;  // As the last holder left it; 0 for none.
  std::string owner_role;
  std::string search_path;
  int64_t total = 0;
};

// Where its job stands.
struct PartInfo {
  std::string state;     // Of the job.
  std::string settings;  // JSON.
  Key cursor;            // Empty without keys.
  int holders = 1;
  absl::Time clock;  // The server's.
};

// For locks that are no row's of a batch.
inline constexpr absl::Duration kLongLockTimeout = absl::Seconds(1);

// How a transaction of the part is begun.
struct Begin {
  absl::Duration lock_timeout;
  absl::Duration statement_timeout;  // Zero: none.
  bool durable = true;
};

// What a batch did.
struct Checkpoint {
  Key from;
  Key to;
  bool done = false;
  int64_t walked = 0;
  int64_t changed = 0;
  int batch_rows = 0;
  absl::Duration lag;
};

// Not thread-safe. Functions block; a failed one may leave a transaction open: see Rollback.
class PartSession {
 public:
  static absl::StatusOr<std::unique_ptr<PartSession>> Open(const PartSpec& spec);

  // FAILED_PRECONDITION (FENCED); INTERNAL (DIGEST_MISMATCH) when the text is not the published
  // one.
  absl::StatusOr<Part> ReadPart();

  // Says that the holder lives, and why it does nothing ("" when it does).
  absl::StatusOr<PartInfo> Beat(const std::string& stands, absl::Duration lag, absl::Duration ttl);

  absl::StatusOr<PartInfo> BeginBatch(const Begin& begin);
  // Likewise, then ToOwner and `find` as the owner: all of it travels together.
  struct Begun {
    PartInfo info;
    postgres::Result found;
  };
  absl::StatusOr<Begun> BeginBatch(const Begin& begin, const Part& part,
                                   const postgres::Command& find);
  // From here to ToSelf statements run as the owner.
  absl::Status ToOwner(const Part& part);
  absl::Status ToSelf();
  // Returns how many rows it says it changed. FAILED_PRECONDITION (FENCE_BROKEN) when it ended the
  // transaction.
  absl::StatusOr<int64_t> RunStatement(const std::string& statement,
                                       const std::vector<postgres::Value>& params);
  // Likewise for several, each looked at before the next; ToSelf travels with the last. Returns how
  // many rows in all.
  absl::StatusOr<int64_t> RunAsOwner(const std::vector<postgres::Command>& statements);

  // These three end the transaction with COMMIT. UNAVAILABLE or UNKNOWN: nobody knows; the cursor
  // tells.
  absl::Status Close(const Checkpoint& checkpoint);
  absl::Status ClosePlan(const std::optional<Walk>& walk, const RangePlan& plan);
  absl::Status CloseVerified(int64_t left, const std::string& sample, const std::string& look);

  // Without `again` the job has failed.
  absl::Status GiveBack(const absl::Status& why, std::optional<absl::Duration> again);

  void Rollback();
  bool usable() const { return session_.session->usable(); }
  postgres::ScriptSession& script() { return *session_.session; }

 private:
  PartSession(apply::LeaseToken token, apply::MigrationSession session)
      : token_(std::move(token)), session_(std::move(session)) {}
  std::vector<postgres::Command> BeginCommands(const Begin& begin) const;
  absl::Status CallAndCommit(const std::string& call, std::vector<postgres::Value> params);

  const apply::LeaseToken token_;
  apply::MigrationSession session_;
};

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_PART_SESSION_H_
