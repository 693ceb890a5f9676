-- Sessions: durable registration and the gate.

-- Registers an instance, or asks again for a registered one, and returns the verdict. One transaction,
-- the same for the coordinator and for an agent that reaches only the database. A live session stays
-- admitted whatever happened since: it counts, so nothing that concerns it can run.
CREATE OR REPLACE FUNCTION lockstep.admit(p_session uuid, p_service text, p_instance text, p_nonce bigint,
  p_build text, p_configured boolean, p_built_for integer, p_chain_hash bytea, p_needs integer,
  p_adapted_to integer, p_uses text[], p_on_session_loss text, p_via text, p_can_migrate boolean, p_migrate_error text)
RETURNS TABLE (verdict text, reason text, detail text, hint text, applied integer, needs integer, head integer, revision bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE c record; v record; known text;
BEGIN
  PERFORM lockstep.require_read_committed();
  PERFORM set_config('synchronous_commit', 'on', true);  -- Durable, whatever the role's default is.
  LOCK TABLE lockstep.gate_lock IN ROW SHARE MODE;       -- Queues behind a grant that waits.
  SELECT x.* INTO c FROM lockstep.chain x FOR KEY SHARE; -- A grant waits for this transaction.
  -- One that comes back with another declaration is judged anew, by what will count from now on. A
  -- reservation for the instance counts as it would: nothing that concerns it can have run since.
  SELECT s.state INTO known FROM lockstep.session s
   WHERE (s.session_id = p_session OR s.service = p_service AND s.instance = p_instance AND s.state = 'starting')
     AND s.built_for = p_built_for AND s.adapted_to = p_adapted_to AND s.uses IS NOT DISTINCT FROM p_uses
   ORDER BY s.session_id = p_session DESC LIMIT 1;
  SELECT g.* INTO v FROM lockstep.gate(p_configured, p_built_for, p_chain_hash, p_needs, p_adapted_to, p_uses) g;
  IF known IN ('starting', 'live', 'draining', 'suspect') AND v.verdict <> 'OPEN' THEN
    v.verdict := 'OPEN'; v.reason := 'ready'; v.detail := 'admitted before'; v.hint := '';
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
  RETURN QUERY SELECT v.verdict, v.reason, v.detail, v.hint, c.applied, v.needs, c.head, c.revision;
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

-- The verdict for a build, without registering it. Rows of the table in docs/concepts.md, top to bottom.
CREATE OR REPLACE FUNCTION lockstep.gate(p_configured boolean, p_built_for integer, p_chain_hash bytea,
  p_needs integer, p_adapted_to integer, p_uses text[])
RETURNS TABLE (verdict text, reason text, detail text, hint text, applied integer, needs integer, head integer, revision bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE c record; n integer; o record; k record; f record;
BEGIN
  SELECT x.* INTO c FROM lockstep.chain x;
  n := coalesce(p_needs, lockstep.default_needs(p_built_for));
  IF NOT p_configured THEN
    RETURN QUERY SELECT 'REFUSED', 'not_configured', 'no service file or no chain.sum was given'::text,
      'start the agent with --service-file and --chain-sum'::text, c.applied, 0, c.head, c.revision;
    RETURN;
  END IF;
  IF p_built_for BETWEEN 1 AND c.head AND NOT EXISTS (
      SELECT FROM lockstep.migration m WHERE m.version = p_built_for AND m.chain_hash = p_chain_hash) THEN
    RETURN QUERY SELECT 'REFUSED', 'diverged',
      format('the build was made with another chain: its hash at version %s is not the published one', p_built_for),
      'rebuild from the published chain: compare chain.sum with the one in the repository'::text, c.applied, n, c.head, c.revision;
    RETURN;
  END IF;
  SELECT m.version, m.title, h.applied_at INTO k FROM lockstep.migration m LEFT JOIN lockstep.history h USING (version)
   WHERE m.phase = 'contract' AND (h.version IS NOT NULL OR c.inflight = m.version)
     AND lockstep.concerns(m.version, p_adapted_to, p_uses) ORDER BY m.version LIMIT 1;
  IF FOUND THEN
    RETURN QUERY SELECT 'REFUSED', 'too_old',
      format('contract %s (%s) %s and the build is adapted to %s only', k.version, k.title,
        CASE WHEN k.applied_at IS NULL THEN 'is being applied'
             ELSE 'ran at ' || to_char(k.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') END, p_adapted_to),
      format('deploy a build whose lockstep.yaml says adapted_to: %s or more', k.version), c.applied, n, c.head, c.revision;
    RETURN;
  END IF;
  IF c.barrier IS NOT NULL AND lockstep.concerns(c.barrier, p_adapted_to, p_uses) THEN
    RETURN QUERY SELECT 'REFUSED', 'draining', format('the fleet drains for contract %s (asked for by %s, until %s)',
        c.barrier, coalesce(c.barrier_owner, 'unknown'), coalesce(c.barrier_deadline::text, 'it has run')),
      format('deploy a build that is adapted to %s, or wait for the deadline', c.barrier), c.applied, n, c.head, c.revision;
    RETURN;
  END IF;
  IF greatest(p_built_for, n) > c.head THEN
    RETURN QUERY SELECT 'WAIT', 'not_published', format('the build was made for version %s, published is %s',
        greatest(p_built_for, n), c.head), 'lockstep publish'::text, c.applied, n, c.head, c.revision;
    RETURN;
  END IF;
  IF c.applied < n THEN
    SELECT x.operation_id, x.state, x.error, x.target INTO o FROM lockstep.operation x
     WHERE x.kind = 'upgrade' ORDER BY x.created_at DESC LIMIT 1;
    IF FOUND AND o.state = 'running' AND o.target >= n THEN
      RETURN QUERY SELECT 'WAIT', 'applying', format('needs %s, applied is %s, %s is running', n, c.applied, o.operation_id),
        ''::text, c.applied, n, c.head, c.revision;
    ELSIF FOUND AND o.state = 'paused' AND o.target >= n THEN
      RETURN QUERY SELECT 'WAIT', 'applying', format('needs %s, applied is %s, %s is paused', n, c.applied, o.operation_id),
        format('lockstep operations resume %s', o.operation_id), c.applied, n, c.head, c.revision;
    ELSIF FOUND AND o.state = 'failed' THEN
      RETURN QUERY SELECT 'WAIT', 'failed', format('needs %s, applied is %s, %s failed: %s', n, c.applied, o.operation_id,
        coalesce(o.error ->> 'message', 'unknown')), 'lockstep status, then lockstep upgrade'::text, c.applied, n, c.head, c.revision;
    ELSE
      RETURN QUERY SELECT 'WAIT', 'behind', format('needs %s, applied is %s, and no operation is on its way there', n, c.applied),
        'lockstep upgrade'::text, c.applied, n, c.head, c.revision;
    END IF;
    RETURN;
  END IF;
  RETURN QUERY SELECT 'OPEN', CASE WHEN c.applied > p_built_for THEN 'ahead' ELSE 'ready' END,
    format('needs %s, applied is %s', n, c.applied), ''::text, c.applied, n, c.head, c.revision;
END $$;

-- Moves a session on: draining, suspect, closed or expired; how one ends without a goodbye is in
-- f11_session_end.sql. A session that never was admitted leaves no row behind. Ended ones are kept for a
-- week.
CREATE OR REPLACE FUNCTION lockstep.session_move(p_epoch bigint, p_holder uuid, p_session uuid, p_state text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE ended boolean := p_state IN ('closed', 'expired');
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
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
