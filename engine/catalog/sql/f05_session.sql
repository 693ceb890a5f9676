-- Sessions: durable registration and the gate.

-- First half of the advisory locks that admissions take, one for each session; the second is its hash.
CREATE OR REPLACE FUNCTION lockstep.admission_class() RETURNS integer
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT 1819500401 $$;

-- Registers an instance, or asks again for a registered one, and returns the verdict. One transaction,
-- the same for the coordinator and for an agent that reaches only the database. A live session stays
-- admitted whatever happened since: it counts, so nothing that concerns it can run.
CREATE OR REPLACE FUNCTION lockstep.admit(p_session uuid, p_service text, p_instance text, p_nonce bigint,
  p_build text, p_configured boolean, p_built_for integer, p_chain_hash bytea, p_needs integer,
  p_adapted_to integer, p_uses text[], p_on_session_loss text, p_via text, p_can_migrate boolean, p_migrate_error text)
RETURNS TABLE (verdict text, reason text, detail text, hint text, applied integer, needs integer, head integer,
  revision bigint, facts jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE c record; v record; known text;
BEGIN
  PERFORM lockstep.require_read_committed();
  -- One admission of a session at a time: a coordinator's and the instance's own may meet, and what the
  -- earlier one saw must not overwrite what the later one decided.
  PERFORM pg_advisory_xact_lock(lockstep.admission_class(), hashtext(p_session::text));
  PERFORM set_config('synchronous_commit', 'on', true);  -- Durable, whatever the role's default is.
  LOCK TABLE lockstep.gate_lock IN ROW SHARE MODE;       -- Queues behind a grant that waits.
  SELECT x.* INTO c FROM lockstep.chain x FOR KEY SHARE; -- A grant waits for this transaction.
  -- One that comes back with another declaration is judged anew, by what will count from now on. A
  -- reservation for the instance counts as it would: nothing that concerns it can have run since.
  SELECT s.state INTO known FROM lockstep.session s
   WHERE (s.session_id = p_session OR s.service = p_service AND s.instance = p_instance AND s.state = 'starting')
     AND s.built_for = p_built_for AND s.adapted_to = p_adapted_to AND s.uses IS NOT DISTINCT FROM p_uses
   ORDER BY s.session_id = p_session DESC LIMIT 1;
  SELECT g.* INTO v
    FROM lockstep.gate(p_configured, p_built_for, p_chain_hash, p_needs, p_adapted_to, p_uses, p_service) g;
  IF known IN ('starting', 'live', 'draining', 'suspect') AND v.verdict <> 'OPEN' THEN
    v.verdict := 'OPEN'; v.reason := 'ready'; v.detail := 'admitted before'; v.hint := ''; v.facts := '{}';
  END IF;
  INSERT INTO lockstep.session AS s (session_id, service, instance, nonce, build, built_for, needs, adapted_to, uses,
    on_session_loss, state, verdict, reason, detail, hint, via, role, gate_seq, can_migrate, migrate_error, admitted_at)
  VALUES (p_session, p_service, p_instance, p_nonce, p_build, p_built_for, v.needs, p_adapted_to, p_uses, p_on_session_loss,
    CASE v.verdict WHEN 'OPEN' THEN 'live' WHEN 'WAIT' THEN 'waiting' ELSE 'refused' END,
    v.verdict, v.reason, v.detail, v.hint, p_via, session_user, c.gate_seq, p_can_migrate, p_migrate_error,
    CASE v.verdict WHEN 'OPEN' THEN clock_timestamp() END)
  ON CONFLICT (session_id) DO UPDATE SET
    state = CASE WHEN s.state = 'draining' AND v.verdict = 'OPEN' THEN 'draining'
                 WHEN v.verdict = 'OPEN' THEN 'live' WHEN v.verdict = 'WAIT' THEN 'waiting' ELSE 'refused' END,
    verdict = v.verdict, reason = v.reason, detail = v.detail, hint = v.hint, needs = v.needs, via = p_via,
    build = p_build, built_for = p_built_for, adapted_to = p_adapted_to, uses = p_uses, on_session_loss = p_on_session_loss,
    gate_seq = c.gate_seq, can_migrate = p_can_migrate, migrate_error = p_migrate_error, ended_at = NULL,
    reserved_until = NULL, silent_since = NULL, superseded_by = NULL, backend_seen_at = NULL,
    attested_at = NULL, attested_by = NULL, attest_reason = NULL, end_rule = NULL,  -- It is back: all of that was wrong.
    admitted_at = coalesce(s.admitted_at, CASE v.verdict WHEN 'OPEN' THEN clock_timestamp() END);
  IF v.verdict = 'OPEN' THEN
    -- The instance itself takes over from its reservation.
    UPDATE lockstep.session s SET state = 'closed', ended_at = clock_timestamp(), end_rule = 'reservation'
     WHERE s.service = p_service AND s.instance = p_instance AND s.state = 'starting' AND s.session_id <> p_session;
  END IF;
  IF v.verdict = 'OPEN' AND c.first_served_at IS NULL THEN
    UPDATE lockstep.chain x SET first_served_at = clock_timestamp() WHERE x.first_served_at IS NULL;
  END IF;
  RETURN QUERY SELECT v.verdict, v.reason, v.detail, v.hint, c.applied, v.needs, c.head, c.revision, v.facts;
END $$;

-- Makes the admission of this transaction a reservation: it counts, so that no contract that concerns it
-- is granted between now and the hello of the instance itself, but for p_ttl only. In the transaction of
-- lockstep.admit and nowhere else. False when the gate did not open.
CREATE OR REPLACE FUNCTION lockstep.reserve(p_session uuid, p_ttl interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE lockstep.session s SET state = 'starting', reserved_until = clock_timestamp() + p_ttl
   WHERE s.session_id = p_session AND s.state = 'live';
  RETURN FOUND;
END $$;

-- The same for an instance that asks the database itself. Only for its own session: nobody else knows
-- the nonce of its start.
CREATE OR REPLACE FUNCTION lockstep.reserve_direct(p_session uuid, p_nonce bigint, p_ttl interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM lockstep.session s WHERE s.session_id = p_session AND s.nonce = p_nonce AND s.via = 'direct';
  RETURN FOUND AND lockstep.reserve(p_session, least(p_ttl, interval '1 hour'));
END $$;

-- The goodbye of an instance that no coordinator hears: it ends its own session, which the nonce of its
-- start proves to be its own. A reservation is no start and ends by its time. True when the session does
-- not count any more.
CREATE OR REPLACE FUNCTION lockstep.leave(p_session uuid, p_nonce bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.require_read_committed();
  PERFORM pg_advisory_xact_lock(lockstep.admission_class(), hashtext(p_session::text));
  DELETE FROM lockstep.session s WHERE s.session_id = p_session AND s.nonce = p_nonce AND s.admitted_at IS NULL;
  UPDATE lockstep.session s SET state = 'closed', ended_at = clock_timestamp(), end_rule = 'goodbye'
   WHERE s.session_id = p_session AND s.nonce = p_nonce AND s.state IN ('waiting', 'refused', 'live', 'draining', 'suspect');
  RETURN NOT EXISTS (SELECT FROM lockstep.session s
                      WHERE s.session_id = p_session AND s.state IN ('starting', 'live', 'draining', 'suspect'));
END $$;

-- Ends the reservations and the pins whose time is over, by the database's clock. It is this row change
-- that ends them and not the clock: until then they count, and a reservation's instance may take over.
CREATE OR REPLACE FUNCTION lockstep.expire_overdue() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.expire_pins();
  UPDATE lockstep.session s SET state = 'expired', ended_at = clock_timestamp(), end_rule = 'reservation'
   WHERE s.state = 'starting' AND s.reserved_until <= clock_timestamp();
END $$;

-- The same for a leader that keeps the sessions in order; returns the reservations that are left.
CREATE OR REPLACE FUNCTION lockstep.expire_reservations(p_epoch bigint, p_holder uuid)
RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM lockstep.expire_overdue();
  RETURN QUERY SELECT s.session_id FROM lockstep.session s WHERE s.state = 'starting';
END $$;

-- A time as people read it in a verdict.
CREATE OR REPLACE FUNCTION lockstep.time_text(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
$$;

-- The contracts that a build meets which have run or are about to, oldest first.
CREATE OR REPLACE FUNCTION lockstep.contracts_against(p_adapted_to integer, p_uses text[])
RETURNS TABLE (version integer, title text, applied_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.version, m.title, h.applied_at FROM lockstep.migration m LEFT JOIN lockstep.history h USING (version)
   WHERE m.phase = 'contract' AND (h.version IS NOT NULL OR m.version = (SELECT c.inflight FROM lockstep.chain c))
     AND m.version > coalesce(p_adapted_to, 0)  -- Else it concerns nobody, and need not be asked.
     AND lockstep.concerns(m.version, p_adapted_to, p_uses) ORDER BY m.version
$$;

-- Builds of a service that were let in, or are pinned, and that none of those contracts concerns: the newest
-- three.
CREATE OR REPLACE FUNCTION lockstep.builds_that_work(p_service text) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(b.build ORDER BY b.seen DESC, b.build), '{}') FROM (
    SELECT x.build, max(x.at) AS seen FROM (
      SELECT s.build, s.adapted_to, s.uses, s.registered_at AS at FROM lockstep.session s
       WHERE s.service = p_service AND s.admitted_at IS NOT NULL
       UNION ALL
      SELECT p.build, p.adapted_to, p.uses, p.created_at FROM lockstep.pin p
       WHERE p.service = p_service AND p.ended_at IS NULL) x
     WHERE x.build <> '' AND NOT EXISTS (SELECT FROM lockstep.contracts_against(x.adapted_to, x.uses))
     GROUP BY x.build ORDER BY 2 DESC, 1 LIMIT 3) b
$$;

-- The gate's word for a build whose version is published and not there yet.
CREATE OR REPLACE FUNCTION lockstep.gate_behind(p_needs integer)
RETURNS TABLE (reason text, detail text, hint text, facts jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE o record; r record; gap text; message text;
BEGIN
  SELECT format('needs %s, applied is %s, ', p_needs, c.applied) INTO gap FROM lockstep.chain c;
  SELECT x.operation_id, x.state, x.error, x.target INTO o FROM lockstep.operation x
   WHERE x.kind = 'upgrade' ORDER BY x.created_at DESC LIMIT 1;
  hint := '';
  facts := jsonb_build_object('operation', o.operation_id);
  IF o.state = 'running' AND o.target >= p_needs THEN
    SELECT m.version, m.title, a.holder INTO r FROM lockstep.lease l JOIN lockstep.attempt a ON a.lease_epoch = l.epoch
      JOIN lockstep.migration m ON m.version BETWEEN l.first AND l.last
     WHERE l.state = 'held' AND l.operation = o.operation_id
       AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version) ORDER BY m.version LIMIT 1;
    reason := 'applying';
    IF r.version IS NULL THEN
      detail := gap || o.operation_id || ' is running';
    ELSE
      detail := gap || format('%s runs version %s (%s), by %s', o.operation_id, r.version, r.title, r.holder);
      facts := facts || jsonb_build_object('version', r.version, 'title', r.title, 'holder', r.holder);
    END IF;
  ELSIF o.state = 'paused' AND o.target >= p_needs THEN
    reason := 'applying';
    detail := gap || o.operation_id || ' is paused';
    hint := 'lockstep operations resume ' || o.operation_id;
  ELSIF o.state = 'failed' THEN
    SELECT m.version, m.title INTO r FROM lockstep.migration m WHERE m.version = (o.error ->> 'version')::integer;
    message := coalesce(o.error ->> 'message', 'unknown');
    reason := 'failed';
    detail := gap || o.operation_id || ' failed'
      || CASE WHEN r.version IS NULL THEN '' ELSE format(' at version %s (%s)', r.version, r.title)
           || CASE WHEN (o.error ->> 'statement')::integer > 0 THEN ', statement ' || (o.error ->> 'statement') ELSE '' END END
      || ': ' || message;
    hint := format('lockstep operations get %s tells all of it, lockstep upgrade tries again', o.operation_id);
    facts := facts || jsonb_build_object('version', r.version, 'title', r.title, 'error', message,
      'statement', CASE WHEN r.version IS NOT NULL THEN (o.error ->> 'statement')::integer END);
  ELSE
    reason := 'behind';
    detail := gap || 'and no operation is on its way there';
    hint := 'lockstep upgrade';
    facts := '{}';
  END IF;
  RETURN NEXT;
END $$;

-- The verdict for a build, without registering it. Rows of the table in docs/concepts.md, top to bottom.
-- facts: the same for programs; which of it there is depends on the reason. p_service: whose other builds
-- one that is too old is told of.
CREATE OR REPLACE FUNCTION lockstep.gate(p_configured boolean, p_built_for integer, p_chain_hash bytea,
  p_needs integer, p_adapted_to integer, p_uses text[], p_service text DEFAULT NULL)
RETURNS TABLE (verdict text, reason text, detail text, hint text, applied integer, needs integer, head integer,
  revision bigint, facts jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE c record; k record; newest integer; builds text[];
BEGIN
  SELECT x.* INTO c FROM lockstep.chain x;
  applied := c.applied; head := c.head; revision := c.revision; hint := ''; facts := '{}';
  needs := coalesce(p_needs, lockstep.default_needs(p_built_for));
  IF NOT p_configured THEN
    verdict := 'REFUSED'; reason := 'not_configured'; needs := 0;
    detail := 'no service file or no chain.sum was given';
    hint := 'start the agent with --service-file and --chain-sum';
    RETURN NEXT; RETURN;
  END IF;
  IF p_built_for BETWEEN 1 AND c.head AND NOT EXISTS (
      SELECT FROM lockstep.migration m WHERE m.version = p_built_for AND m.chain_hash = p_chain_hash) THEN
    verdict := 'REFUSED'; reason := 'diverged';
    detail := format('the build was made with another chain: its hash at version %s is not the published one', p_built_for);
    hint := 'rebuild from the published chain: compare chain.sum with the one in the repository';
    RETURN NEXT; RETURN;
  END IF;
  SELECT x.* INTO k FROM lockstep.contracts_against(p_adapted_to, p_uses) x LIMIT 1;
  IF FOUND THEN
    SELECT max(x.version) INTO newest FROM lockstep.contracts_against(p_adapted_to, p_uses) x;
    builds := lockstep.builds_that_work(p_service);
    verdict := 'REFUSED'; reason := 'too_old';
    detail := format('contract %s (%s) %s and the build is adapted to %s only', k.version, k.title,
      coalesce('ran at ' || lockstep.time_text(k.applied_at), 'is being applied'), p_adapted_to);
    hint := format('deploy %sa build whose lockstep.yaml says adapted_to: %s or more',
      CASE WHEN builds = '{}' THEN '' ELSE array_to_string(builds, ', ') || ', which works, or ' END, newest);
    facts := jsonb_build_object('version', k.version, 'title', k.title, 'builds', builds, 'adapted_to', newest,
      'at', lockstep.time_text(k.applied_at));
    RETURN NEXT; RETURN;
  END IF;
  IF c.barrier IS NOT NULL AND lockstep.concerns(c.barrier, p_adapted_to, p_uses) THEN
    verdict := 'REFUSED'; reason := 'draining';
    detail := format('the fleet drains for contract %s (asked for by %s, until %s)', c.barrier,
      coalesce(c.barrier_owner, 'unknown'), coalesce(lockstep.time_text(c.barrier_deadline), 'it has run'));
    hint := format('deploy a build that is adapted to %s', c.barrier)
      || CASE WHEN c.barrier_deadline IS NULL THEN '' ELSE ', or wait for the deadline' END;
    facts := jsonb_build_object('version', c.barrier, 'adapted_to', c.barrier, 'owner', c.barrier_owner,
      'at', lockstep.time_text(c.barrier_deadline),
      'title', (SELECT m.title FROM lockstep.migration m WHERE m.version = c.barrier));
    RETURN NEXT; RETURN;
  END IF;
  IF greatest(p_built_for, needs) > c.head THEN
    verdict := 'WAIT'; reason := 'not_published';
    detail := format('the build was made for version %s, published is %s', greatest(p_built_for, needs), c.head);
    hint := 'lockstep publish';
    RETURN NEXT; RETURN;
  END IF;
  IF c.applied < needs THEN
    verdict := 'WAIT';
    SELECT b.reason, b.detail, b.hint, b.facts INTO reason, detail, hint, facts FROM lockstep.gate_behind(needs) b;
    RETURN NEXT; RETURN;
  END IF;
  verdict := 'OPEN'; reason := CASE WHEN c.applied > p_built_for THEN 'ahead' ELSE 'ready' END;
  detail := format('needs %s, applied is %s', needs, c.applied);
  RETURN NEXT;
END $$;

-- Moves a session on: draining, suspect, closed, expired or forgotten; how one ends without a goodbye is in
-- f11_session_end.sql. A session that never was admitted leaves no row behind. Ended ones are kept for a
-- week. forgotten: closed unless it counts, which a leader need not know that did not hear it: the instance
-- may have asked the database itself. False then.
CREATE OR REPLACE FUNCTION lockstep.session_move(p_epoch bigint, p_holder uuid, p_session uuid, p_state text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE ended boolean := p_state IN ('closed', 'expired');
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  IF p_state = 'forgotten' THEN
    DELETE FROM lockstep.session s WHERE s.session_id = p_session AND s.admitted_at IS NULL;
    UPDATE lockstep.session s SET state = 'closed', ended_at = clock_timestamp(), end_rule = 'goodbye'
     WHERE s.session_id = p_session AND s.state IN ('waiting', 'refused');
    RETURN NOT EXISTS (SELECT FROM lockstep.session s
                        WHERE s.session_id = p_session AND s.state IN ('starting', 'live', 'draining', 'suspect'));
  END IF;
  IF ended THEN
    DELETE FROM lockstep.session s WHERE (s.session_id = p_session AND s.admitted_at IS NULL)
       OR s.ended_at < clock_timestamp() - interval '7 days';
  END IF;
  UPDATE lockstep.session s SET state = p_state, ended_at = CASE WHEN ended THEN clock_timestamp() END,
    end_rule = CASE p_state WHEN 'closed' THEN 'goodbye' END,
    silent_since = CASE p_state WHEN 'suspect' THEN clock_timestamp() ELSE s.silent_since END
   WHERE s.session_id = p_session AND s.state NOT IN ('closed', 'expired', p_state) AND s.admitted_at IS NOT NULL;
  RETURN FOUND;
END $$;
