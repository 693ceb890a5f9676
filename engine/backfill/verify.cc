#include "engine/backfill/verify.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/backfill/ranges.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::backfill {
namespace {

using postgres::Param;

constexpr int kSampleRows = 5;

absl::Status RunReindex(PartSession& session, const Part& part) {
  RETURN_IF_ERROR(session.BeginBatch({.lock_timeout = kLongLockTimeout}).status());
  RETURN_IF_ERROR(session.ToOwner(part));
  ASSIGN_OR_RETURN(const Walk walk, ResolveWalk(session.script(), part.job));
  session.Rollback();
  if (!part.owner_role.empty()) {
    RETURN_IF_ERROR(
        session.script()
            .Execute("SELECT pg_catalog.set_config('role', $1, false)", {Param(part.owner_role)})
            .status());
  }
  return session.script().Execute(absl::StrCat("REINDEX TABLE CONCURRENTLY ", walk.table)).status();
}

}  // namespace

absl::StatusOr<int64_t> CountLeft(PartSession& session, const Part& part, const std::string& query,
                                  std::string* sample) {
  RETURN_IF_ERROR(session.script().Execute("BEGIN READ ONLY").status());
  RETURN_IF_ERROR(session.ToOwner(part));
  ASSIGN_OR_RETURN(const postgres::Result counted,
                   session.script().Execute(
                       absl::StrCat("SELECT count(*) FROM (", query, "\n) AS left_undone")));
  const int64_t found = counted.only().Long(0);
  if (found > 0 && sample != nullptr) {
    ASSIGN_OR_RETURN(
        const postgres::Result some,
        session.script().Execute(absl::StrCat("SELECT left_undone::pg_catalog.text FROM (", query,
                                              "\n) AS left_undone LIMIT ", kSampleRows)));
    *sample = absl::StrJoin(some.rows, " ", [](std::string* out, const postgres::Row& row) {
      absl::StrAppend(out, row.Text(0));
    });
  }
  session.Rollback();
  return found;
}

void Reindex(PartSession& session, const Part& part) {
  const absl::Status status = RunReindex(session, part);
  session.Rollback();
  (void)session.script().Execute("RESET ROLE");
  if (status.ok()) return;
  base::LogWarning("a backfill's table was not reindexed",
                   {{"backfill", part.job.name}, {"error", std::string(status.message())}});
}

}  // namespace lockstep::backfill
