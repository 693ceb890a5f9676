#include "engine/apply/build_watch.h"

#include <memory>
#include <utility>

#include "engine/base/clock.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;

// The counters that belong to the phase: those of earlier ones keep their last value. Where nothing
// of progress is shown, the lock that it waits for is.
constexpr char kActivity[] = R"sql(
SELECT coalesce(p.text, CASE WHEN a.wait_event_type = 'Lock' THEN 'waiting for a lock of backend '
                  || pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(a.pid), ', ') END),
       CASE WHEN p.total > 0 THEN pg_catalog.trunc(100 * p.done::pg_catalog.numeric / p.total)::pg_catalog.int4 END
  FROM pg_catalog.pg_stat_activity a LEFT JOIN (
    SELECT b.pid, CASE WHEN b.phase LIKE 'waiting%' AND b.current_locker_pid > 0
                       THEN b.phase || ', for backend ' || b.current_locker_pid ELSE b.phase END AS text,
           CASE WHEN b.phase LIKE 'waiting%' THEN b.lockers_done
                WHEN b.phase LIKE '%tuples%' THEN b.tuples_done ELSE b.blocks_done END AS done,
           CASE WHEN b.phase LIKE 'waiting%' THEN b.lockers_total
                WHEN b.phase LIKE '%tuples%' THEN b.tuples_total ELSE b.blocks_total END AS total
      FROM pg_catalog.pg_stat_progress_create_index b
    UNION ALL
    SELECT v.pid, v.phase, v.heap_blks_scanned, v.heap_blks_total FROM pg_catalog.pg_stat_progress_vacuum v
    UNION ALL
    SELECT c.pid, c.phase, c.heap_blks_scanned, c.heap_blks_total FROM pg_catalog.pg_stat_progress_cluster c
  ) p ON p.pid = a.pid
 WHERE a.pid = $1::pg_catalog.int4)sql";

}  // namespace

absl::StatusOr<Activity> ActivityOf(ScriptSession& session, int pid) {
  ASSIGN_OR_RETURN(const Result result, session.Execute(kActivity, {Param(pid)}));
  if (result.empty()) return Activity{};
  const postgres::Row& row = result.rows.front();
  return Activity{.text = row.Text(0), .percent = row.IsNull(1) ? -1 : row.Int(1)};
}

BuildWatch::BuildWatch(postgres::ScriptSessionOptions connection, int pid, int socket, Tell tell)
    : connection_(std::move(connection)), pid_(pid), socket_(socket), tell_(std::move(tell)) {
  thread_ = std::thread([this] { Run(); });
}

BuildWatch::~BuildWatch() {
  {
    base::MutexLock lock(mu_);
    ending_ = true;
  }
  ended_.NotifyAll();
  thread_.join();
}

bool BuildWatch::Rest(absl::Duration pause) {
  const absl::Duration until = base::SystemClock()->SinceBoot() + pause;
  base::MutexLock lock(mu_);
  while (!ending_) {
    const absl::Duration left = until - base::SystemClock()->SinceBoot();
    if (left <= absl::ZeroDuration()) return true;
    ended_.WaitFor(lock, left);
  }
  return false;
}

void BuildWatch::Run() {
  std::unique_ptr<ScriptSession> session;
  Activity told;
  // As soon as the statement is on its way; the statement itself meets the consequences.
  (void)LOCKSTEP_FAILPOINT_CUTS("agent.mid_statement", socket_);
  for (absl::Duration pause = kFirstLook; Rest(pause); pause = kPause) {
    if (session == nullptr || !session->usable()) {
      auto opened = ScriptSession::Open(connection_);
      if (!opened.ok()) continue;  // It watches only: what matters goes on without.
      session = *std::move(opened);
    }
    const absl::StatusOr<Activity> activity = ActivityOf(*session, pid_);
    if (!activity.ok() || *activity == told) continue;
    told = *activity;
    tell_(told);
  }
}

}  // namespace lockstep::apply
