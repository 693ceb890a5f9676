#include "tests/chaos/checks.h"

namespace lockstep::chaos {
namespace {

constexpr Check kChecks[] = {
    {"I1", "a version up to `applied` without history", When::kAlways, R"(
SELECT format('version %s', m.version) FROM lockstep.migration m, lockstep.chain c
 WHERE m.version <= c.applied AND m.phase <> 'contract'
   AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version))"},
    {"I1", "history beyond `applied`", When::kAlways, R"(
SELECT format('version %s, applied %s', h.version, c.applied)
  FROM lockstep.history h JOIN lockstep.migration m USING (version), lockstep.chain c
 WHERE h.version > c.applied AND m.phase <> 'contract')"},
    {"I1", "published versions with a gap, or a head that is not the newest", When::kAlways, R"(
SELECT format('%s versions, newest %s, head %s', count(m.version), max(m.version), min(c.head))
  FROM lockstep.chain c LEFT JOIN lockstep.migration m ON true
HAVING count(m.version) <> coalesce(max(m.version), 0) OR coalesce(max(m.version), 0) <> min(c.head))"},
    {"I1", "history with another digest than what is published", When::kAlways, R"(
SELECT format('version %s', h.version) FROM lockstep.history h JOIN lockstep.migration m USING (version)
 WHERE h.digest <> m.digest)"},
    {"I2", "a table without history, or history without the table", When::kAlways, R"(
SELECT format('version %s', m.version) FROM lockstep.migration m WHERE m.title IN ('table', 'mixed')
   AND EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
    <> EXISTS (SELECT FROM pg_class c WHERE c.relname = 't_' || m.version))"},
    {"I2", "a column without history, or history without the column", When::kAlways, R"(
SELECT format('version %s', m.version) FROM lockstep.migration m WHERE m.title = 'column'
   AND (EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
        AND NOT EXISTS (SELECT FROM lockstep.history h JOIN lockstep.migration d USING (version)
                         WHERE d.title = 'drop_c_' || m.version))
    <> EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                WHERE c.relname = 'wide' AND a.attname = 'c_' || m.version AND NOT a.attisdropped))"},
    {"I2", "an enum label without history, or history without the label", When::kAlways, R"(
SELECT format('version %s', m.version) FROM lockstep.migration m WHERE m.title = 'status'
   AND EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
    <> EXISTS (SELECT FROM pg_enum e WHERE e.enumlabel = 'v_' || m.version))"},
    {"I2", "history without its valid index", When::kAlways, R"(
SELECT format('version %s', m.version) FROM lockstep.migration m JOIN lockstep.history h USING (version)
 WHERE m.title = 'index' AND NOT EXISTS (
   SELECT FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relname = 'i_' || m.version AND i.indisvalid))"},
    {"I8", "a session was admitted while a barrier kept it out", When::kAlways, R"(
SELECT f.text FROM chaos.finding f WHERE f.invariant = 'I8')"},
    {"I9", "a session was admitted while a contract in flight kept it out", When::kAlways, R"(
SELECT f.text FROM chaos.finding f WHERE f.invariant = 'I9')"},
    {"I9", "a live session that a contract which has run concerns", When::kAlways, R"(
SELECT format('contract %s, session %s@%s adapted to %s', m.version, s.service, s.instance, s.adapted_to)
  FROM lockstep.session s, lockstep.migration m JOIN lockstep.history h USING (version)
 WHERE m.phase = 'contract' AND s.state IN ('starting', 'live', 'draining', 'suspect')
   AND lockstep.concerns(m.version, s.adapted_to, s.uses))"},
    {"I11", "a session that ended at no time, or at a time and did not end", When::kAlways, R"(
SELECT format('%s@%s %s', s.service, s.instance, s.state) FROM lockstep.session s
 WHERE (s.state IN ('closed', 'expired')) <> (s.ended_at IS NOT NULL))"},
    {"I12", "two operations of a kind at once", When::kAlways, R"(
SELECT string_agg(o.operation_id, ', ') FROM lockstep.operation o
 WHERE o.state IN ('running', 'paused', 'cancelling') GROUP BY o.kind HAVING count(*) > 1)"},
    {"I12", "a barrier of an operation that has ended", When::kAlways, R"(
SELECT format('contract %s, %s', c.barrier, c.barrier_operation) FROM lockstep.chain c
 WHERE c.barrier IS NOT NULL AND NOT EXISTS (SELECT FROM lockstep.operation o
   WHERE o.operation_id = c.barrier_operation AND o.target = c.barrier
     AND o.state IN ('running', 'paused', 'cancelling')))"},
    {"I12", "a run in flight without a lease, or a lease without its run", When::kAlways, R"(
SELECT format('inflight %s, lease %s up to %s', c.inflight, l.state, l.last) FROM lockstep.chain c, lockstep.lease l
 WHERE (c.inflight IS NOT NULL) <> (l.state <> 'idle') OR c.inflight <> l.last)"},
    {"I14", "a decision that is not in the audit, or an audit that was changed", When::kAlways, R"(
SELECT format('record %s: %s', v.broken_at, v.why) FROM lockstep.audit_verify() v WHERE v.why IS NOT NULL)"},
    {"fence", "a committed row in lockstep.opened", When::kAlways, R"(
SELECT format('version %s', o.version) FROM lockstep.opened o)"},
    {"L1", "a version that is neither applied nor waits for people", When::kAtRest, R"(
SELECT format('version %s (%s)', m.version, m.title) FROM lockstep.migration m
 WHERE NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version) ORDER BY m.version)"},
    {"rest", "a lease that is held, a run in flight, a barrier", When::kAtRest, R"(
SELECT format('lease %s, inflight %s, barrier %s', l.state, c.inflight, c.barrier)
  FROM lockstep.lease l, lockstep.chain c
 WHERE l.state <> 'idle' OR c.inflight IS NOT NULL OR c.barrier IS NOT NULL)"},
    {"rest", "an operation that has not ended", When::kAtRest, R"(
SELECT format('%s %s', o.operation_id, o.state) FROM lockstep.operation o
 WHERE o.state IN ('running', 'paused', 'cancelling'))"},
    {"rest", "an advisory lock", When::kAtRest, R"(
SELECT format('pid %s: %s %s', l.pid, l.classid, l.objid) FROM pg_locks l WHERE l.locktype = 'advisory')"},
    {"rest", "an invalid index", When::kAtRest, R"(
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid)"},
    {"rest", "an idle transaction, or a backend of a migration", When::kAtRest, R"(
SELECT format('pid %s %s: %s', a.pid, a.application_name, left(a.query, 80)) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND (a.state LIKE 'idle in transaction%' OR a.usename = 'chaos_migrator'))"},
    {"rest", "a prepared transaction", When::kAtRest, R"(
SELECT p.gid FROM pg_prepared_xacts p)"},
};

}  // namespace

// Whether an effect happened once is asked for separately, because counter comes with version 1.
std::span<const Check> Checks() { return kChecks; }

const char kWitness[] = R"(
CREATE SCHEMA chaos;
CREATE TABLE chaos.witness (revision bigint PRIMARY KEY, author text NOT NULL, concerned bigint,
  leader text, leader_epoch bigint);
CREATE TABLE chaos.finding (invariant text NOT NULL, text text NOT NULL);
CREATE FUNCTION chaos.witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO chaos.witness VALUES (NEW.revision, session_user,
    CASE WHEN NEW.kind IN ('applied', 'adopted') AND (SELECT m.phase = 'contract' FROM lockstep.migration m
              WHERE m.version = NEW.version)
         THEN lockstep.concerned_sessions(NEW.version) END,
    (SELECT 'chaos_coordinator_' || substring(l.address FROM '([^/]+)\.f$') FROM lockstep.leader l),
    (SELECT l.epoch FROM lockstep.leader l));
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_witness AFTER INSERT ON lockstep.event
  FOR EACH ROW EXECUTE FUNCTION chaos.witness();
CREATE FUNCTION chaos.admission() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE counting text[] := '{starting,live,draining,suspect}'; k record;
BEGIN
  IF NEW.state <> ALL (counting) OR TG_OP = 'UPDATE' AND OLD.state = ANY (counting)
      AND OLD.adapted_to IS NOT DISTINCT FROM NEW.adapted_to AND OLD.uses IS NOT DISTINCT FROM NEW.uses THEN
    RETURN NULL;
  END IF;
  -- An instance that takes over from its reservation counted before the contract came.
  IF EXISTS (SELECT FROM lockstep.session s WHERE s.service = NEW.service AND s.instance = NEW.instance
      AND s.session_id <> NEW.session_id AND s.state = 'starting') THEN
    RETURN NULL;
  END IF;
  FOR k IN SELECT m.version, CASE m.version WHEN c.barrier THEN 'I8' ELSE 'I9' END AS invariant
             FROM lockstep.chain c JOIN lockstep.migration m ON m.version IN (c.barrier, c.inflight)
            WHERE m.phase = 'contract' AND lockstep.concerns(m.version, NEW.adapted_to, NEW.uses) LOOP
    INSERT INTO chaos.finding VALUES (k.invariant,
      format('contract %s, %s@%s adapted to %s', k.version, NEW.service, NEW.instance, NEW.adapted_to));
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_admission AFTER INSERT OR UPDATE ON lockstep.session
  FOR EACH ROW EXECUTE FUNCTION chaos.admission();
)";

}  // namespace lockstep::chaos
