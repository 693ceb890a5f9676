-- Contracts that wait for the fleet: the operation, its barrier, and who is in the way.
--
-- A barrier keeps out what the contract concerns, while those who are in leave. It belongs to one
-- operation, which alone lifts it: by its end, whatever that is. No clock does: at the deadline whoever
-- leads ends the operation. That the contract concerns nobody is asked again when it is granted and once
-- more in its own transaction, so a barrier makes waiting end and nothing safe.

-- Starts a contract operation, or returns the one that the same request started before; fails as
-- operation_start does. p_deadline NULL: it does not wait, and needs no barrier.
CREATE OR REPLACE FUNCTION lockstep.contract_start(p_epoch bigint, p_holder uuid, p_operation text, p_request text,
  p_request_digest bytea, p_target integer, p_when_drained boolean, p_deadline interval, p_soak interval,
  p_accept_unknown text, p_actor text, p_reason text, p_terminate_idle interval)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE id text;
BEGIN
  id := lockstep.operation_start(p_epoch, p_holder, p_operation, p_request, p_request_digest, 'contract', p_target, true,
    p_actor, p_reason, p_terminate_idle);
  -- Another id is that of the operation which the request has started before.
  UPDATE lockstep.operation o SET when_drained = p_when_drained, deadline_after = p_deadline,
    deadline = clock_timestamp() + p_deadline, soak = p_soak, accept_unknown = nullif(p_accept_unknown, '')
   WHERE o.operation_id = p_operation;
  RETURN id;
END $$;

-- Sets the barrier of a contract operation that runs. From the commit on nobody whom the contract concerns
-- is admitted: the key update waits for the admissions that are under way. False when it stands already;
-- LS011 while another one stands, or when the operation does not run.
CREATE OR REPLACE FUNCTION lockstep.barrier_set(p_epoch bigint, p_holder uuid, p_operation text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; o record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  LOCK TABLE lockstep.gate_lock IN EXCLUSIVE MODE;  -- Open admissions first, later ones wait.
  SELECT x.barrier, x.barrier_operation INTO c FROM lockstep.chain x FOR UPDATE;
  IF c.barrier IS NOT NULL AND c.barrier_operation = p_operation THEN RETURN false; END IF;
  IF c.barrier IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = format('the barrier for contract %s stands', c.barrier);
  END IF;
  SELECT x.target, x.actor, x.reason, x.deadline INTO o FROM lockstep.operation x
   WHERE x.operation_id = p_operation AND x.kind = 'contract' AND x.state = 'running' AND x.deadline IS NOT NULL
     AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = x.target) FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = format('operation %s waits for no contract', p_operation);
  END IF;
  UPDATE lockstep.chain x SET gate_seq = x.gate_seq + 1, barrier = o.target, barrier_owner = o.actor,
    barrier_deadline = o.deadline, barrier_operation = p_operation;
  PERFORM lockstep.emit('barrier_set', o.target, p_operation,
    jsonb_build_object('by', o.actor, 'reason', o.reason, 'until', o.deadline));
  RETURN true;
END $$;

-- Lifts the barrier of an operation that ends as p_state, in its transaction; does nothing to anybody else's,
-- nor when its contract has run, which lifted it. The event names who cancelled the operation and why.
CREATE OR REPLACE FUNCTION lockstep.barrier_drop(p_operation text, p_state text, p_why text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; person record;
BEGIN
  SELECT x.barrier INTO c FROM lockstep.chain x WHERE x.barrier_operation = p_operation FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  -- No key update: it lets more in, and need not wait for those who come in now.
  UPDATE lockstep.chain x SET barrier = NULL, barrier_owner = NULL, barrier_deadline = NULL, barrier_operation = NULL;
  IF c.barrier IS NULL THEN RETURN; END IF;
  SELECT nullif(e.detail ->> 'by', '') AS name, nullif(e.detail ->> 'reason', '') AS reason INTO person
    FROM lockstep.event e
   WHERE p_state = 'cancelled' AND e.kind = 'operation_cancelling' AND e.operation = p_operation
   ORDER BY e.revision DESC LIMIT 1;
  PERFORM lockstep.emit('barrier_lifted', c.barrier, p_operation, jsonb_build_object(
    'by', coalesce(person.name, 'lockstep'), 'reason', coalesce(person.reason, p_why, 'its operation ' || p_state)));
END $$;

-- Notes that the contract of an operation concerns nobody from now on (p_quiet), or that somebody came
-- back: soaking begins, or begins anew. False when that is known.
CREATE OR REPLACE FUNCTION lockstep.contract_quiet(p_epoch bigint, p_holder uuid, p_operation text, p_quiet boolean, p_why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v integer;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As a grant does: chain first, then operation.
  UPDATE lockstep.operation o SET quiet_since = CASE WHEN p_quiet THEN clock_timestamp() END
   WHERE o.operation_id = p_operation AND o.state IN ('running', 'paused') AND (o.quiet_since IS NULL) = p_quiet
  RETURNING o.target INTO v;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit(CASE WHEN p_quiet THEN 'contract_drained' ELSE 'contract_disturbed' END, v, p_operation,
    jsonb_build_object('why', p_why));
  RETURN true;
END $$;

-- The tables that a contract touches. NULL where that is not known: then it may be any.
CREATE OR REPLACE FUNCTION lockstep.contract_tables(p_version integer)
RETURNS oid[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT nullif(ARRAY(
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lockstep')
       AND EXISTS (SELECT FROM unnest(m.touches) t, unnest(ARRAY[c.relname::text, n.nspname || '.' || c.relname]) name
                    WHERE t = name OR starts_with(t, name || '.'))), '{}')
    FROM lockstep.migration m WHERE m.version = p_version
$$;

-- Which of these tables a role may use, itself or as another role that it may become.
CREATE OR REPLACE FUNCTION lockstep.may_use(p_role oid, p_tables oid[])
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_tables IS NULL OR EXISTS (
    SELECT FROM pg_roles r, unnest(p_tables) t
     WHERE pg_has_role(p_role, r.oid, 'MEMBER')
       AND (has_table_privilege(r.oid, t, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(r.oid, t, 'SELECT, INSERT, UPDATE')))
$$;

-- Connections of clients that may use what a contract touches and that no registered instance answers for,
-- those that hold a lock on it first; alike ones as one row. leftover: it bears the name of an instance
-- that counts no longer and that the contract concerns. Else nobody has declared it.
--
-- Connections are told apart by application_name as in the end of sessions: "service@instance#1b2c3d4e"
-- belongs to one start of an instance, without the mark it may be any start's. What counts is the gate's
-- business and not told here, nor are lockstep's own and those of roles that have no right on the tables.
CREATE OR REPLACE FUNCTION lockstep.contract_clients(p_version integer)
RETURNS TABLE (leftover boolean, role text, application_name text, address text, connections bigint, locks bigint,
  pid integer, state text, connected_at double precision, query text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH touched AS MATERIALIZED (SELECT lockstep.contract_tables(p_version) AS tables),
  client AS MATERIALIZED (
    SELECT a.*, CASE WHEN a.application_name ~ '#[0-9a-f]{8}$' THEN right(a.application_name, 8) END AS mark,
           CASE WHEN a.application_name ~ '#[0-9a-f]{8}$'
                THEN left(a.application_name, -9) ELSE a.application_name END AS name
      FROM pg_stat_activity a
     WHERE a.datname = current_database() AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
       AND coalesce(a.backend_type, 'client backend') = 'client backend'
       AND a.application_name !~ '^lockstep[-:]'),
  able AS MATERIALIZED (
    SELECT r.usesysid FROM (SELECT DISTINCT c.usesysid FROM client c) r, touched t
     WHERE lockstep.may_use(r.usesysid, t.tables)),
  session AS MATERIALIZED (
    SELECT left(s.session_id::text, 8) AS mark, s.registered_at,
           regexp_replace(s.service || '@' || s.instance, '[^ -~]', '?', 'g') AS name,
           s.state IN ('starting', 'live', 'draining', 'suspect') AS counts,
           lockstep.concerns(p_version, s.adapted_to, s.uses) AS concerned
      FROM lockstep.session s),
  judged AS (
    SELECT c.*, m.known, m.answered, m.concerned,
           (SELECT count(DISTINCT l.pid) FROM pg_locks l, touched t
             WHERE l.pid = c.pid AND l.granted AND l.relation = ANY (t.tables)) AS holds
      FROM client c JOIN able USING (usesysid),
           LATERAL (SELECT count(*) > 0 AS known,
                           -- The gate counts it, or it is one that the contract does not concern.
                           coalesce(bool_or(s.counts AND (s.concerned OR c.mark IS NOT NULL
                             OR s.registered_at < c.backend_start)), false) AS answered,
                           coalesce(bool_or(s.concerned AND NOT s.counts), false) AS concerned
                      FROM session s
                     WHERE CASE WHEN c.mark IS NULL THEN left(s.name, 63) = c.name
                                ELSE left(s.name, 54) = c.name AND s.mark = c.mark END) m)
  SELECT j.known AND j.concerned, j.usename::text, coalesce(j.application_name, ''), coalesce(host(j.client_addr), 'local'),
         count(*), sum(j.holds)::bigint, min(j.pid), (array_agg(coalesce(j.state, '') ORDER BY j.holds DESC, j.pid))[1],
         extract(epoch FROM min(j.backend_start))::double precision,
         (array_agg(left(coalesce(j.query, ''), 200) ORDER BY j.holds DESC, j.pid))[1]
    FROM judged j WHERE NOT j.answered AND (j.concerned OR NOT j.known)
   GROUP BY 1, 2, 3, 4 ORDER BY sum(j.holds) DESC, 1 DESC, count(*) DESC, 2, 3, 4
$$;

-- Whom a contract concerns, by service and build, worst first: those that leave by nobody's word but a
-- person's, then by number. gone: how many of them have left since p_since. Whom an override names does not
-- hold it up and is not told.
CREATE OR REPLACE FUNCTION lockstep.contract_groups(p_version integer, p_since timestamptz)
RETURNS TABLE (service text, build text, adapted_to integer, starting bigint, live bigint, draining bigint, suspect bigint,
  pins bigint, gone bigint, admitted_at double precision)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH concerned AS (
    SELECT c.service, c.build, c.adapted_to, CASE c.kind WHEN 'pin' THEN 'pin' ELSE s.state END AS state, s.admitted_at
      FROM lockstep.concerned(p_version) c LEFT JOIN lockstep.session s ON s.session_id::text = c.id
     WHERE NOT c.overridden
     UNION ALL
    SELECT s.service, s.build, s.adapted_to, 'gone', NULL FROM lockstep.session s
     WHERE s.state IN ('closed', 'expired') AND s.end_rule IS DISTINCT FROM 'reservation' AND s.ended_at >= p_since
       AND lockstep.concerns(p_version, s.adapted_to, s.uses))
  SELECT c.service, c.build, c.adapted_to, count(*) FILTER (WHERE c.state = 'starting'), count(*) FILTER (WHERE c.state = 'live'),
         count(*) FILTER (WHERE c.state = 'draining'), count(*) FILTER (WHERE c.state = 'suspect'),
         count(*) FILTER (WHERE c.state = 'pin'), count(*) FILTER (WHERE c.state = 'gone'),
         extract(epoch FROM min(c.admitted_at))::double precision
    FROM concerned c GROUP BY c.service, c.build, c.adapted_to
   ORDER BY count(*) FILTER (WHERE c.state IN ('suspect', 'pin')) DESC, count(*) FILTER (WHERE c.state <> 'gone') DESC,
            c.service, c.build, c.adapted_to
$$;
