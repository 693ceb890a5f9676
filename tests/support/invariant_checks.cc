#include "tests/support/invariant_checks.h"

#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"

namespace lockstep::testing {
namespace {

// A question whose every row, one text, is a violation.
struct Check {
  const char* name;
  const char* says;
  const char* sql;
};

constexpr Check kAlways[] = {
    {"I1", "every version up to the applied one but contracts has run", R"sql(
SELECT format('version %s has no history row, applied is %s', m.version, c.applied)
  FROM lockstep.migration m, lockstep.chain c
 WHERE m.phase <> 'contract' AND m.version <= c.applied
   AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version))sql"},
    {"I1", "no version beyond the applied one but contracts has run", R"sql(
SELECT format('version %s has a history row, applied is %s', h.version, c.applied)
  FROM lockstep.history h JOIN lockstep.migration m USING (version), lockstep.chain c
 WHERE m.phase <> 'contract' AND h.version > c.applied)sql"},
    {"I1", "history rows are as published", R"sql(
SELECT format('version %s', h.version) FROM lockstep.history h LEFT JOIN lockstep.migration m USING (version)
 WHERE m.digest IS DISTINCT FROM h.digest)sql"},
    {"I1", "history rows are never removed and come with one event each", R"sql(
SELECT format('version %s: %s events, %s rows', version, coalesce(e.n, 0), coalesce(h.n, 0))
  FROM (SELECT version, count(*) n FROM lockstep.event WHERE kind IN ('applied', 'adopted') GROUP BY version) e
  FULL JOIN (SELECT version, 1 AS n FROM lockstep.history WHERE how IN ('run', 'adopted')) h USING (version)
 WHERE e.n IS DISTINCT FROM h.n)sql"},
    {"I2", "no migration is half open in what is committed", R"sql(
SELECT format('version %s', o.version) FROM lockstep.opened o)sql"},
    {"I3", "every version was applied under a token that was granted for it", R"sql(
SELECT format('version %s under lease %s', h.version, h.lease_epoch)
  FROM lockstep.history h LEFT JOIN lockstep.attempt a ON a.lease_epoch = h.lease_epoch
 WHERE h.how IN ('run', 'adopted') AND (a.lease_epoch IS NULL OR h.version NOT BETWEEN a.first AND a.last))sql"},
    {"I3", "nothing was applied under a token after it was taken back", R"sql(
SELECT format('version %s under lease %s, %s at %s, applied at %s', h.version, h.lease_epoch, a.outcome, a.ended_at, h.applied_at)
  FROM lockstep.history h JOIN lockstep.attempt a ON a.lease_epoch = h.lease_epoch
 WHERE h.applied_at > a.ended_at)sql"},
    {"I4", "no two transactions ran migrations at the same time", R"sql(
SELECT format('versions %s and %s', x.version, y.version)
  FROM lockstep.history x JOIN lockstep.history y ON x.version < y.version AND x.xid <> y.xid
 WHERE x.how = 'run' AND y.how = 'run' AND x.applied_at - x.duration < y.applied_at
   AND y.applied_at - y.duration < x.applied_at
   -- Of a group the durations are the agent's: its transaction began at any time.
   AND NOT EXISTS (SELECT FROM lockstep.history z WHERE z.xid IN (x.xid, y.xid) GROUP BY z.xid HAVING count(*) > 1))sql"},
    {"I4", "a version has one run under way", R"sql(
SELECT format('leases %s and %s', min(a.lease_epoch), max(a.lease_epoch))
  FROM lockstep.attempt a WHERE a.ended_at IS NULL HAVING count(*) > 1)sql"},
    {"I4", "a run that was granted after another began after its end", R"sql(
SELECT format('leases %s and %s', x.lease_epoch, y.lease_epoch)
  FROM lockstep.attempt x JOIN lockstep.attempt y ON x.lease_epoch < y.lease_epoch
 WHERE x.ended_at IS NULL OR x.ended_at > y.started_at)sql"},
    {"I5", "events are in one order without gaps", R"sql(
SELECT format('%s events up to %s, the chain is at %s', count(e.revision), max(e.revision), max(c.revision))
  FROM lockstep.chain c LEFT JOIN lockstep.event e ON true
HAVING count(e.revision) <> max(c.revision) OR coalesce(max(e.revision), 0) <> max(c.revision))sql"},
    {"I6", "a token is one run's", R"sql(
SELECT format('lease %s', h.lease_id) FROM lockstep.history h WHERE h.how IN ('run', 'adopted')
 GROUP BY h.lease_id HAVING count(DISTINCT h.lease_epoch) > 1)sql"},
    {"I6", "no run was granted under an epoch beyond the lease's", R"sql(
SELECT format('attempt %s, lease %s', a.lease_epoch, l.epoch)
  FROM lockstep.attempt a, lockstep.lease l WHERE a.lease_epoch > l.epoch)sql"},
    {"I7", "whoever counts can live with what has run", R"sql(
SELECT format('%s@%s is %s and needs %s, applied is %s', s.service, s.instance, s.state, s.needs, c.applied)
  FROM lockstep.session s, lockstep.chain c
 WHERE s.state IN ('starting', 'live', 'draining', 'suspect') AND s.needs > c.applied)sql"},
    {"I9", "no contract has run or is in flight that concerns somebody who counts", R"sql(
SELECT format('contract %s and %s sessions', m.version, lockstep.concerned_sessions(m.version))
  FROM lockstep.migration m LEFT JOIN lockstep.history h USING (version), lockstep.chain c
 WHERE m.phase = 'contract' AND (h.version IS NOT NULL OR c.inflight = m.version)
   AND coalesce(h.how, 'run') <> 'override' AND lockstep.concerned_sessions(m.version) > 0)sql"},
    {"I10", "whoever counts was admitted", R"sql(
SELECT format('%s@%s is %s', s.service, s.instance, s.state) FROM lockstep.session s
 WHERE s.state IN ('starting', 'live', 'draining', 'suspect') AND (s.admitted_at IS NULL OR s.verdict <> 'OPEN'))sql"},
    {"I11", "a session that ended says when, one that counts has not ended", R"sql(
SELECT format('%s@%s is %s', s.service, s.instance, s.state) FROM lockstep.session s
 WHERE (s.state IN ('closed', 'expired')) <> (s.ended_at IS NOT NULL))sql"},
    {"I12", "a run is in flight exactly while its lease is out", R"sql(
SELECT format('inflight %s, lease %s up to %s', coalesce(c.inflight::text, 'none'), l.state, l.last)
  FROM lockstep.chain c, lockstep.lease l
 WHERE (c.inflight IS NOT NULL) <> (l.state <> 'idle') OR c.inflight <> l.last)sql"},
    {"I12", "a contract is a run of its own", R"sql(
SELECT format('lease %s has contract %s among %s to %s', a.lease_epoch, m.version, a.first, a.last)
  FROM lockstep.attempt a JOIN lockstep.migration m ON m.version BETWEEN a.first AND a.last
 WHERE m.phase = 'contract' AND a.first <> a.last)sql"},
    {"I14", "every decision is in the audit, which is what was written", R"sql(
SELECT format('record %s: %s', v.broken_at, v.why) FROM lockstep.audit_verify() v WHERE v.why IS NOT NULL)sql"},
    {"I8", "nobody whom a barrier concerns was admitted since it stands", R"sql(
SELECT format('%s@%s and contract %s', s.service, s.instance, c.barrier)
  FROM lockstep.session s, lockstep.chain c,
       LATERAL (SELECT max(e.at) AS at FROM lockstep.event e
                 WHERE e.kind = 'barrier_set' AND e.operation = c.barrier_operation) b
 WHERE c.barrier IS NOT NULL AND s.state IN ('starting', 'live', 'draining', 'suspect') AND s.admitted_at > b.at
   AND lockstep.concerns(c.barrier, s.adapted_to, s.uses)
   -- Its reservation counted before.
   AND NOT EXISTS (SELECT FROM lockstep.session r WHERE r.service = s.service AND r.instance = s.instance
                      AND r.session_id <> s.session_id AND r.end_rule = 'reservation' AND r.registered_at < b.at))sql"},
    {"I12", "a barrier belongs to an operation that goes on", R"sql(
SELECT format('the barrier for contract %s', c.barrier) FROM lockstep.chain c
 WHERE c.barrier IS NOT NULL AND NOT EXISTS (SELECT FROM lockstep.operation o
   WHERE o.operation_id = c.barrier_operation AND o.target = c.barrier
     AND o.state IN ('running', 'paused', 'cancelling')))sql"},
    {"L1", "one operation of a kind is active at most", R"sql(
SELECT format('%s %s operations', count(*), o.kind) FROM lockstep.operation o
 WHERE o.state IN ('running', 'paused', 'cancelling') GROUP BY o.kind HAVING count(*) > 1)sql"},
};

constexpr Check kInTheEnd[] = {
    {"left", "the lease is idle", R"sql(
SELECT l.state FROM lockstep.lease l WHERE l.state <> 'idle')sql"},
    {"left", "nothing is in flight", R"sql(
SELECT c.inflight::text FROM lockstep.chain c WHERE c.inflight IS NOT NULL)sql"},
    {"left", "no barrier stands", R"sql(
SELECT c.barrier::text FROM lockstep.chain c WHERE c.barrier IS NOT NULL)sql"},
    {"left", "every run has ended", R"sql(
SELECT format('lease %s', a.lease_epoch) FROM lockstep.attempt a WHERE a.ended_at IS NULL)sql"},
    {"left", "every operation has ended", R"sql(
SELECT format('%s is %s', o.operation_id, o.state) FROM lockstep.operation o WHERE o.ended_at IS NULL)sql"},
    {"left", "no index is invalid", R"sql(
SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i
 WHERE NOT i.indisvalid OR NOT i.indisready OR NOT i.indislive)sql"},
    {"left", "no partition is detached by half", R"sql(
SELECT i.inhrelid::regclass::text FROM pg_catalog.pg_inherits i
 WHERE (to_jsonb(i) ->> 'inhdetachpending')::boolean)sql"},
    {"left", "no backend runs a migration", R"sql(
SELECT format('%s (%s): %s', a.pid, a.application_name, left(a.query, 60)) FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND a.application_name LIKE 'lockstep:%')sql"},
    {"left", "no transaction is idle", R"sql(
SELECT format('%s (%s): %s', a.pid, a.application_name, left(a.query, 60)) FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state LIKE 'idle in transaction%')sql"},
    {"left", "no advisory lock is held", R"sql(
SELECT format('%s/%s/%s by %s', l.classid, l.objid, l.objsubid, l.pid) FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_database d ON d.oid = l.database
 WHERE l.locktype = 'advisory' AND d.datname = current_database())sql"},
    {"left", "no transaction is prepared", R"sql(
SELECT p.gid FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database())sql"},
};

void Ask(postgres::Connection& connection, std::span<const Check> checks,
         std::vector<std::string>& violations) {
  const absl::Status asked = connection.InSnapshot([&]() -> absl::Status {
    for (const Check& check : checks) {
      const absl::StatusOr<postgres::Result> result = connection.Query(check.sql);
      if (!result.ok()) {
        violations.push_back(absl::StrCat(check.name, " (", check.says,
                                          ") cannot be asked: ", result.status().message()));
        return result.status();
      }
      for (const postgres::Row& row : result->rows) {
        violations.push_back(absl::StrCat(check.name, ": ", check.says, ": ", row.Text(0)));
      }
    }
    return absl::OkStatus();
  });
  if (!asked.ok() && violations.empty()) violations.push_back(std::string(asked.message()));
}

}  // namespace

std::vector<std::string> CheckInvariants(postgres::Connection& connection) {
  std::vector<std::string> violations;
  Ask(connection, kAlways, violations);
  return violations;
}

std::vector<std::string> CheckNothingIsLeft(postgres::Connection& connection) {
  std::vector<std::string> violations = CheckInvariants(connection);
  Ask(connection, kInTheEnd, violations);
  return violations;
}

}  // namespace lockstep::testing
