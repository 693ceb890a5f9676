-- Run leases and the two functions that fence a migration's transaction.
--
-- Why a stale holder cannot commit: if open succeeded and its transaction lives, the key-share lock on
-- the lease row keeps the token current to the end, because a revoke changes the row's key and waits.
-- If the token was replaced before, open raises. If the backend was terminated, it rolled back.

-- Grants versions p_first..p_last to a session. Raises LS011 when a run is in flight or the lease moved
-- on since p_seen_epoch was read, LS004 when the run is not what comes next, LS005 when a contract
-- still concerns somebody. A run that was taken back with a half-done contract (f10_concurrent.sql) is
-- granted again out of `revoking`: `inflight` has stood all the time.
CREATE OR REPLACE FUNCTION lockstep.grant_run(p_epoch bigint, p_holder uuid, p_seen_epoch bigint,
  p_first integer, p_last integer, p_session uuid, p_who text, p_operation text, p_ttl interval)
RETURNS TABLE (epoch bigint, lease_id uuid, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE contracts bigint; plain bigint; alone bigint; concerned bigint; granted record; op_state text;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  LOCK TABLE lockstep.gate_lock IN EXCLUSIVE MODE;  -- Open admissions first, later ones wait.
  UPDATE lockstep.chain c SET gate_seq = c.gate_seq + 1, inflight = p_last WHERE c.inflight IS NULL
      OR c.inflight = p_last AND EXISTS (SELECT FROM lockstep.lease x
           WHERE x.state = 'revoking' AND x.first = p_first AND x.last = p_last AND lockstep.is_half_done(p_last));
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = 'a run is in flight already';
  END IF;
  SELECT count(*) FILTER (WHERE m.phase = 'contract'), count(*) FILTER (WHERE m.phase <> 'contract'),
         count(*) FILTER (WHERE NOT m.transactional)
    INTO contracts, plain, alone FROM lockstep.migration m WHERE m.version BETWEEN p_first AND p_last;
  -- A run that reached beyond the head would never end by close.
  IF p_last < p_first OR plain + contracts <> p_last - p_first + 1 OR lockstep.next_violation(p_first) IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('versions %s to %s are not next: %s', p_first, p_last,
      coalesce(lockstep.next_violation(p_first), 'not all of them are published'));
  END IF;
  -- What runs outside of a transaction is a run of its own: no key share keeps its token current to its
  -- end, so how it is taken back must not touch anything else.
  IF alone > 0 AND p_first <> p_last THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format(
      'versions %s to %s are no run: one of them runs outside of a transaction', p_first, p_last);
  END IF;
  IF contracts > 0 THEN
    PERFORM 1 FROM lockstep.chain c WHERE c.settled_incarnation = c.incarnation;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'LS005', MESSAGE = format(
        'contract %s: PostgreSQL failed over or was restored, and instances may have to register again first', p_first);
    END IF;
    -- A contract is always a run of its own. From here to the end of its transaction `inflight` keeps
    -- out every instance it concerns, so that what this query finds stays true.
    PERFORM lockstep.expire_before(p_first);
    concerned := lockstep.concerned_sessions(p_first);
    IF p_first <> p_last OR concerned > 0 THEN
      RAISE EXCEPTION USING ERRCODE = 'LS005', MESSAGE = format('contract %s concerns %s live sessions', p_first, concerned);
    END IF;
  END IF;
  UPDATE lockstep.lease x SET epoch = x.epoch + 1, lease_id = gen_random_uuid(), session = p_session,
    operation = p_operation, first = p_first, last = p_last, state = 'held', expires_at = clock_timestamp() + p_ttl
   WHERE (x.state = 'idle' OR x.state = 'revoking' AND x.last = p_last) AND x.epoch = p_seen_epoch RETURNING x.epoch, x.lease_id, x.expires_at INTO granted;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = 'the lease is held or has moved on';
  END IF;
  -- Serialises with a pause: whichever commits first is what the other one sees.
  UPDATE lockstep.operation o SET attempts = o.attempts + 1 WHERE o.operation_id = p_operation RETURNING o.state INTO op_state;
  IF op_state <> 'running' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = format('operation %s is %s', p_operation, op_state);
  END IF;
  INSERT INTO lockstep.attempt (lease_epoch, operation, session, holder, first, last)
  VALUES (granted.epoch, p_operation, p_session, p_who, p_first, p_last);
  PERFORM lockstep.emit('run_granted', p_first, p_operation,
    jsonb_build_object('last', p_last, 'to', p_who, 'lease_epoch', granted.epoch));
  RETURN QUERY SELECT granted.epoch, granted.lease_id, granted.expires_at;
END $$;

-- Why p_version is not the one to run next; NULL when it is. Non-contracts run in order among
-- themselves; a contract's turn comes when every earlier non-contract has run; nobody overtakes what
-- it waits for, nor a data job that it needs.
CREATE OR REPLACE FUNCTION lockstep.next_violation(p_version integer)
RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE earlier integer; job text; c record;
BEGIN
  SELECT x.applied, m.version, m.waits_for, m.needs_backfill, EXISTS (SELECT FROM lockstep.history h WHERE h.version = p_version) AS ran
    INTO c FROM lockstep.chain x LEFT JOIN lockstep.migration m ON m.version = p_version;
  IF c.ran THEN
    RETURN 'it is applied already';
  END IF;
  IF p_version > c.applied + 1 THEN  -- Else nothing is between the two.
    SELECT m.version INTO earlier FROM lockstep.migration m
     WHERE m.version > c.applied AND m.version < p_version AND m.phase <> 'contract'
       AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
     ORDER BY m.version LIMIT 1;
    IF FOUND THEN RETURN format('version %s has not run', earlier); END IF;
  END IF;
  IF c.version IS NULL THEN RETURN 'it is not published'; END IF;
  IF cardinality(c.waits_for) > 0 THEN
    SELECT x INTO earlier FROM unnest(c.waits_for) x WHERE NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = x) LIMIT 1;
    IF FOUND THEN RETURN format('it waits for contract %s', earlier); END IF;
  END IF;
  IF cardinality(c.needs_backfill) > 0 THEN
    SELECT x INTO job FROM unnest(c.needs_backfill) x
     WHERE NOT EXISTS (SELECT FROM lockstep.backfill b WHERE b.name = x AND b.state = 'done') LIMIT 1;
    IF FOUND THEN RETURN format('it needs backfill %s', job); END IF;
  END IF;
  RETURN NULL;
END $$;

-- Extends a held lease in its row; leaders do this rarely, their memory is what counts.
CREATE OR REPLACE FUNCTION lockstep.renew_run(p_epoch bigint, p_holder uuid, p_lease_epoch bigint,
  p_lease uuid, p_ttl interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.lease x SET expires_at = clock_timestamp() + p_ttl
   WHERE x.epoch = p_lease_epoch AND x.lease_id = p_lease AND x.state = 'held';
  RETURN FOUND;
END $$;

-- Takes a run back. Waits for the holder's open transaction (the caller's lock_timeout applies), so
-- that afterwards nothing of the old token can commit. False when the run ended meanwhile. A statement
-- outside of a transaction may still run then: such a run is `revoking`, with `inflight`, until
-- lockstep.settle_run found that none does. p_lost says that its holder had taken it and died or went
-- silent, which too often in a row ends the operation.
CREATE OR REPLACE FUNCTION lockstep.revoke_run(p_epoch bigint, p_holder uuid, p_lease_epoch bigint,
  p_lease uuid, p_reason text, p_lost boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  LOCK TABLE lockstep.run_lock IN EXCLUSIVE MODE;
  SELECT x.operation, x.first, x.last, lockstep.runs_alone(x.first) AS alone INTO l FROM lockstep.lease x;
  UPDATE lockstep.lease x SET epoch = x.epoch + 1, lease_id = NULL, session = NULL, expires_at = NULL,
    state = CASE WHEN l.alone THEN 'revoking' ELSE 'idle' END
   WHERE x.epoch = p_lease_epoch AND x.lease_id = p_lease AND x.state = 'held';
  IF NOT FOUND THEN RETURN false; END IF;
  IF NOT l.alone THEN
    -- Left standing, inflight would block every later grant for ever.
    UPDATE lockstep.chain c SET inflight = NULL;
  END IF;
  UPDATE lockstep.attempt a SET ended_at = clock_timestamp(), outcome = 'revoked',
    error = jsonb_build_object('message', p_reason, 'lost', p_lost)
   WHERE a.lease_epoch = p_lease_epoch AND a.ended_at IS NULL;
  PERFORM lockstep.emit('run_revoked', l.first, l.operation,
    jsonb_build_object('last', l.last, 'reason', p_reason, 'lease_epoch', p_lease_epoch));
  RETURN true;
END $$;

-- Gives a run back that its holder ended early (it failed, or nothing was started): the holder has
-- rolled back and said so, hence nobody is waited for beyond a straggling transaction. Idempotent by
-- token: close and revoke have recorded their own end of a run, and whoever knows the epoch only, which
-- is no secret, writes nothing.
CREATE OR REPLACE FUNCTION lockstep.complete_run(p_epoch bigint, p_holder uuid, p_lease_epoch bigint,
  p_lease uuid, p_outcome text, p_committed integer, p_error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE gave_back boolean := false; alone boolean;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  -- A late report of an old token must not queue behind the transaction of the present holder.
  PERFORM 1 FROM lockstep.lease x WHERE x.epoch = p_lease_epoch AND x.lease_id = p_lease AND x.state = 'held';
  IF FOUND THEN
    LOCK TABLE lockstep.run_lock IN EXCLUSIVE MODE;
    SELECT lockstep.runs_alone(x.first) INTO alone FROM lockstep.lease x;
    UPDATE lockstep.lease x SET epoch = x.epoch + 1, lease_id = NULL, session = NULL, expires_at = NULL,
      state = CASE WHEN alone THEN 'revoking' ELSE 'idle' END
     WHERE x.epoch = p_lease_epoch AND x.lease_id = p_lease AND x.state = 'held';
    gave_back := FOUND;
  END IF;
  IF NOT gave_back THEN RETURN false; END IF;
  -- A holder that lost its connection does not know whether its statement still runs.
  IF NOT alone THEN UPDATE lockstep.chain c SET inflight = NULL; END IF;
  UPDATE lockstep.attempt a SET ended_at = clock_timestamp(), outcome = p_outcome, committed = nullif(p_committed, 0), error = p_error
   WHERE a.lease_epoch = p_lease_epoch AND a.ended_at IS NULL;
  IF FOUND AND p_error IS NOT NULL THEN
    PERFORM lockstep.emit('run_failed', (p_error ->> 'version')::integer,
      (SELECT a.operation FROM lockstep.attempt a WHERE a.lease_epoch = p_lease_epoch), p_error);
  END IF;
  RETURN true;
END $$;

-- A COMMIT, COMMIT AND CHAIN or PREPARE TRANSACTION between open and close must not publish anything:
-- deferred to the end of the transaction, this finds the row that only close removes.
CREATE OR REPLACE FUNCTION lockstep.must_close() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM lockstep.opened o WHERE o.xid = NEW.xid) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS002',
      MESSAGE = format('a statement of version %s tried to end the migration''s transaction', NEW.version),
      HINT = 'remove COMMIT and its kin from the migration: lockstep commits it together with its history row';
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS must_close ON lockstep.opened;
CREATE CONSTRAINT TRIGGER must_close AFTER INSERT ON lockstep.opened DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION lockstep.must_close();
ALTER TABLE lockstep.opened ENABLE ALWAYS TRIGGER must_close;  -- Also under session_replication_role = replica.

-- Begins a migration's transaction. Raises and never returns false: a caught failure would keep a lock
-- on a row that no longer matches; a raise aborts the transaction.
CREATE OR REPLACE FUNCTION lockstep.open(p_epoch bigint, p_lease uuid, p_version integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l record; m record; why text;
BEGIN
  -- Looked at before the call: this and close are paid for by every migration.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM lockstep.require_read_committed();
  END IF;
  LOCK TABLE lockstep.run_lock IN ROW SHARE MODE;
  SELECT x.first, x.last INTO l FROM lockstep.lease x
   WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held' FOR KEY SHARE;
  IF NOT FOUND OR p_version < l.first OR p_version > l.last THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = format('the lease for version %s was taken over', p_version);
  END IF;
  -- One backend a run: a second one of the same token (an orphan and its successor, a double start)
  -- waits on this key and then finds the version applied.
  INSERT INTO lockstep.opened (version, epoch, lease_id, xid, opened_at)
  VALUES (p_version, p_epoch, p_lease, pg_current_xact_id(), clock_timestamp());
  why := lockstep.next_violation(p_version);
  IF why IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('version %s is not next: %s', p_version, why);
  END IF;
  SELECT x.phase, x.transactional INTO m FROM lockstep.migration x WHERE x.version = p_version;
  -- Of a migration outside of a transaction this opens a part, or its end; either under its lock.
  IF NOT m.transactional AND NOT lockstep.holds_statement_lock() THEN
    RAISE EXCEPTION USING ERRCODE = 'LS008', MESSAGE = format('version %s runs outside of a transaction, under the lock of statements', p_version);
  END IF;
  -- A contract is a run of its own and in flight: the token of a longer run must not open one, because
  -- only `inflight` keeps out the instances it concerns until it commits.
  IF m.phase = 'contract' AND (l.first <> l.last OR lockstep.concerned_sessions(p_version) > 0 OR NOT EXISTS (
      SELECT FROM lockstep.chain c WHERE c.inflight = p_version)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS005', MESSAGE = format('contract %s still concerns live sessions', p_version);
  END IF;
END $$;

-- Ends a migration's transaction: history, applied version, event and lease in the same commit as the
-- effect. Called once, after open, in the same transaction.
CREATE OR REPLACE FUNCTION lockstep.close(p_epoch bigint, p_lease uuid, p_version integer, p_digest bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record; l record; r bigint; undone integer; began timestamptz;
BEGIN
  DELETE FROM lockstep.opened x WHERE x.xid = pg_current_xact_id_if_assigned() AND x.epoch = p_epoch
     AND x.lease_id = p_lease AND x.version = p_version AND x.last IS NULL RETURNING * INTO o;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS002', MESSAGE = 'close without open in this transaction';
  END IF;
  IF current_setting('session_replication_role') <> 'origin' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS006', MESSAGE = 'session_replication_role was changed: triggers and foreign keys were switched off';
  END IF;
  SELECT x.session, x.operation, x.last, m.phase, m.title, m.digest, m.transactional, coalesce(a.holder, '') AS who INTO l
    FROM lockstep.lease x LEFT JOIN lockstep.migration m ON m.version = p_version
    LEFT JOIN lockstep.attempt a ON a.lease_epoch = p_epoch
   WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held' FOR KEY SHARE OF x;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = format('the lease for version %s was taken over', p_version);
  END IF;
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);  -- Raised, never lowered.
  END IF;
  IF l.digest IS DISTINCT FROM p_digest THEN
    RAISE EXCEPTION USING ERRCODE = 'LS007', MESSAGE = format('version %s is published with another digest than the one that ran', p_version);
  END IF;
  began := o.opened_at;
  IF NOT l.transactional THEN
    -- The effect was committed statement by statement: the row says that all of it was.
    SELECT min(i.statement) FILTER (WHERE i.state NOT IN ('done', 'adopted')), coalesce(min(i.started_at), began)
      INTO undone, began FROM lockstep.intent i WHERE i.version = p_version;
    IF undone IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'LS002', MESSAGE = format('statement %s of version %s is not done', undone, p_version);
    END IF;
  END IF;
  INSERT INTO lockstep.history (version, digest, lease_epoch, lease_id, xid, applied_at, duration, session, applied_by, backend_pid, how)
  VALUES (p_version, l.digest, p_epoch, p_lease, o.xid, clock_timestamp(), clock_timestamp() - began,
    l.session, l.who, pg_backend_pid(), CASE WHEN l.phase = 'contract' THEN lockstep.use_override(p_version) ELSE 'run' END);
  -- Only its own barrier; clearing any barrier at the end of a run once dropped a foreign one. The
  -- revision is taken here too: emit would change the same row once more.
  UPDATE lockstep.chain c SET applied = greatest(c.applied, p_version), barrier = nullif(c.barrier, p_version),
    inflight = CASE WHEN p_version = l.last THEN NULL ELSE c.inflight END, revision = c.revision + 1
   WHERE c.inflight = l.last AND (l.phase = 'contract' OR c.applied < p_version) RETURNING c.revision INTO r;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('version %s is not next', p_version);
  END IF;
  INSERT INTO lockstep.event (revision, kind, version, operation, detail)
  VALUES (r, 'applied', p_version, l.operation, jsonb_build_object('title', l.title, 'by', l.who, 'lease_epoch', p_epoch));
  IF p_version = l.last THEN
    -- Not a key column: the holder's own end never waits. The token stays consumed.
    UPDATE lockstep.lease x SET state = 'idle', expires_at = NULL, session = NULL WHERE x.epoch = p_epoch;
    UPDATE lockstep.attempt a SET ended_at = clock_timestamp(), outcome = 'succeeded', committed = p_version
     WHERE a.lease_epoch = p_epoch;
  END IF;
END $$;

-- What became of a transaction whose COMMIT was not acknowledged. Asks for the transaction first: one
-- that commits between the two questions would otherwise be in neither answer.
CREATE OR REPLACE FUNCTION lockstep.outcome(p_epoch bigint, p_lease uuid, p_version integer, p_xid xid8)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE in_progress boolean;
BEGIN
  in_progress := coalesce(pg_xact_status(p_xid) = 'in progress', false);
  PERFORM 1 FROM lockstep.history h WHERE h.version = p_version AND h.lease_epoch = p_epoch AND h.lease_id = p_lease;
  IF FOUND THEN RETURN 'committed'; END IF;
  RETURN CASE WHEN in_progress THEN 'in_progress' ELSE 'not_applied' END;
END $$;
