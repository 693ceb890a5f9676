-- Migrations that run outside of a transaction: CREATE INDEX CONCURRENTLY, VACUUM and their kin.
--
-- No row lock can be kept while such a statement runs, so what keeps a second backend away from it is a
-- session advisory lock on the very connection that runs it, the lock of statements. It is only ever
-- tried, never waited for: a backend that waits inside of PostgreSQL has a snapshot, for whose end a
-- concurrent build waits in turn.
--
-- Why a run that was taken back changes nothing more. A holder takes the lock first and then, in
-- begin_statement, checks its token and commits what it is about to do. A revoke first moves the token
-- on and then, in settle_run, tries the lock. So either the holder's check comes after the revoke and
-- fails, or its lock was there before the revoke tried it, and settle_run says that somebody is at work.
-- With the check before the lock a holder could pass it, lose its token, and begin when the leader has
-- looked already. Every function here that takes a token asks for the lock, so nobody has the other order.

-- "lockstmt" in ASCII, as a number: the same for every version, for ever. The lock belongs to a database.
CREATE OR REPLACE FUNCTION lockstep.statement_key() RETURNS bigint
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT 7813573191660760436::bigint
$$;

-- Tries to take the lock of statements for this session. False while another one has it.
CREATE OR REPLACE FUNCTION lockstep.lock_statements() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_try_advisory_lock(lockstep.statement_key())
$$;

-- The backends that have the lock of statements: one, or none.
CREATE OR REPLACE FUNCTION lockstep.statement_lock_holder() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.pid FROM pg_locks l
   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.mode = 'ExclusiveLock'
     AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
     AND l.classid::bigint = lockstep.statement_key() >> 32
     AND l.objid::bigint = lockstep.statement_key() & 4294967295 LIMIT 1
$$;

CREATE OR REPLACE FUNCTION lockstep.holds_statement_lock() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT lockstep.statement_lock_holder() IS NOT DISTINCT FROM pg_backend_pid()
$$;

CREATE OR REPLACE FUNCTION lockstep.runs_alone(p_version integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM lockstep.migration m WHERE m.version = p_version AND NOT m.transactional)
$$;

-- Whether p_version is a contract of which something may have been done. There is no way back from
-- there: were it to wait again, an instance that uses what it has begun to remove would be admitted. In
-- the private database of lockstep dev a file that failed is edited and published anew instead.
CREATE OR REPLACE FUNCTION lockstep.is_half_done(p_version integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM lockstep.migration m JOIN lockstep.intent i USING (version)
                  WHERE m.version = p_version AND m.phase = 'contract' AND i.state IN ('running', 'done', 'adopted'))
     AND NOT EXISTS (SELECT FROM lockstep.setting s WHERE s.dev)
$$;

-- Opens every transaction of a holder about its statements. LS008 without the lock of statements, LS001
-- when the token is not current. The key share keeps it current to the end of the transaction, as in open.
CREATE OR REPLACE FUNCTION lockstep.statement_fence(p_epoch bigint, p_lease uuid, p_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.require_read_committed();
  IF NOT lockstep.holds_statement_lock() THEN
    RAISE EXCEPTION USING ERRCODE = 'LS008', MESSAGE = format('the session lost the lock of statements of version %s', p_version),
      HINT = 'a migration must not give up advisory locks: remove DISCARD ALL and pg_advisory_unlock_all()';
  END IF;
  LOCK TABLE lockstep.run_lock IN ROW SHARE MODE;
  PERFORM 1 FROM lockstep.lease x WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held'
     AND x.first = p_version AND x.last = p_version FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = format('the lease for version %s was taken over', p_version);
  END IF;
  -- What was begun must be known before it begins, also after a crash.
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $$;

-- Writes down what p_version consists of, and returns how far it is. The arrays are by step, in order:
-- first and last statement, kind, object. LS004 when the version is not next, or when another release
-- has cut it into other steps.
CREATE OR REPLACE FUNCTION lockstep.plan_statements(p_epoch bigint, p_lease uuid, p_version integer,
  p_firsts integer[], p_lasts integer[], p_kinds text[], p_objects text[])
RETURNS TABLE (statement integer, state text, tries integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE why text;
BEGIN
  PERFORM lockstep.statement_fence(p_epoch, p_lease, p_version);
  why := lockstep.next_violation(p_version);
  IF why IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('version %s is not next: %s', p_version, why);
  END IF;
  INSERT INTO lockstep.intent (version, statement, last_statement, kind, object)
  SELECT p_version, s.first, s.last, s.kind, s.object
    FROM unnest(p_firsts, p_lasts, p_kinds, p_objects) AS s (first, last, kind, object)
  ON CONFLICT DO NOTHING;
  PERFORM 1 FROM unnest(p_firsts, p_lasts, p_kinds) AS s (first, last, kind)
    FULL JOIN (SELECT x.* FROM lockstep.intent x WHERE x.version = p_version) i
      ON i.statement = s.first AND i.last_statement = s.last AND i.kind = s.kind
   WHERE i.statement IS NULL OR s.first IS NULL;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('another release of lockstep began version %s and cuts it otherwise', p_version),
      HINT = 'let an agent of that release finish it';
  END IF;
  RETURN QUERY SELECT i.statement, i.state, i.tries FROM lockstep.intent i WHERE i.version = p_version ORDER BY i.statement;
END $$;

-- Says that a step begins now; committed before it does. LS005 when a contract concerns somebody.
CREATE OR REPLACE FUNCTION lockstep.begin_statement(p_epoch bigint, p_lease uuid, p_version integer, p_statement integer,
  p_backend_start timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l record;
BEGIN
  PERFORM lockstep.statement_fence(p_epoch, p_lease, p_version);
  SELECT m.phase, x.operation INTO l FROM lockstep.migration m CROSS JOIN lockstep.lease x WHERE m.version = p_version;
  IF l.phase = 'contract' AND (lockstep.concerned_sessions(p_version) > 0 OR NOT EXISTS (
      SELECT FROM lockstep.chain c WHERE c.inflight = p_version)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS005', MESSAGE = format('contract %s still concerns live sessions', p_version);
  END IF;
  UPDATE lockstep.intent i SET state = 'running', lease_epoch = p_epoch, backend_pid = pg_backend_pid(),
    backend_start = p_backend_start, started_at = clock_timestamp(), ended_at = NULL, tries = i.tries + 1
   WHERE i.version = p_version AND i.statement = p_statement AND i.state IN ('planned', 'running', 'cleaned')
     -- In order: nothing is begun before what stands before it is done.
     AND NOT EXISTS (SELECT FROM lockstep.intent e WHERE e.version = p_version AND e.statement < p_statement
                        AND e.state NOT IN ('done', 'adopted'));
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('statement %s of version %s is not next', p_statement, p_version);
  END IF;
  PERFORM lockstep.emit('statement_begun', p_version, l.operation, jsonb_build_object('statement', p_statement, 'lease_epoch', p_epoch));
END $$;

-- Says how a step ended: done, adopted (it was found done), or cleaned (it failed, and nothing of it
-- remains). Of statements that share a transaction this is called in it, after open, and takes the place
-- of close: the step is done exactly when they are committed.
CREATE OR REPLACE FUNCTION lockstep.end_statement(p_epoch bigint, p_lease uuid, p_version integer, p_statement integer,
  p_state text, p_evidence jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record; op text;
BEGIN
  PERFORM lockstep.statement_fence(p_epoch, p_lease, p_version);
  IF current_setting('session_replication_role') <> 'origin' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS006', MESSAGE = 'session_replication_role was changed: triggers and foreign keys were switched off';
  END IF;
  DELETE FROM lockstep.opened x WHERE x.xid = pg_current_xact_id_if_assigned() AND x.epoch = p_epoch
     AND x.lease_id = p_lease AND x.version = p_version AND x.last IS NULL RETURNING * INTO o;
  IF o.xid IS NOT NULL THEN
    UPDATE lockstep.intent i SET state = 'running', lease_epoch = p_epoch, backend_pid = pg_backend_pid(), backend_start = NULL,
      started_at = o.opened_at, tries = i.tries + 1
     WHERE i.version = p_version AND i.statement = p_statement AND i.state IN ('planned', 'cleaned');
  END IF;
  UPDATE lockstep.intent i SET state = p_state, ended_at = clock_timestamp(), lease_epoch = p_epoch,
    evidence = coalesce(p_evidence, '{}')
   WHERE i.version = p_version AND i.statement = p_statement
     AND (i.state = 'running' AND p_state IN ('done', 'cleaned') AND i.lease_epoch = p_epoch
       OR i.state IN ('planned', 'running', 'cleaned') AND p_state = 'adopted')
     AND NOT EXISTS (SELECT FROM lockstep.intent e WHERE e.version = p_version AND e.statement < p_statement
                        AND e.state NOT IN ('done', 'adopted'));
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('statement %s of version %s cannot become %s', p_statement, p_version, p_state);
  END IF;
  SELECT x.operation INTO op FROM lockstep.lease x;
  PERFORM lockstep.emit('statement_' || p_state, p_version, op,
    jsonb_build_object('statement', p_statement, 'lease_epoch', p_epoch) || coalesce(p_evidence, '{}'));
END $$;

-- Ends the taking back of a run outside of a transaction, where nobody is at work any more. p_lease_epoch
-- is the epoch that revoke_run left. Returns
--   ended      the lease is idle, and `inflight` is free
--   busy       a backend has the lock of statements; statement_lock_holder says which
--   half_done  a contract was begun: it stays in flight, and the same run has to be granted again
--   gone       the lease has moved on
CREATE OR REPLACE FUNCTION lockstep.settle_run(p_epoch bigint, p_holder uuid, p_lease_epoch bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  SELECT x.first, x.operation INTO l FROM lockstep.lease x WHERE x.epoch = p_lease_epoch AND x.state = 'revoking' FOR UPDATE;
  IF NOT FOUND THEN RETURN 'gone'; END IF;
  -- Kept to the end of this transaction: whoever takes it afterwards finds the token moved on.
  IF NOT pg_try_advisory_xact_lock(lockstep.statement_key()) THEN RETURN 'busy'; END IF;
  IF lockstep.is_half_done(l.first) THEN RETURN 'half_done'; END IF;
  UPDATE lockstep.lease x SET epoch = x.epoch + 1, state = 'idle' WHERE x.epoch = p_lease_epoch AND x.state = 'revoking';
  UPDATE lockstep.chain c SET inflight = NULL;
  PERFORM lockstep.emit('run_settled', l.first, l.operation, jsonb_build_object('lease_epoch', p_lease_epoch));
  RETURN 'ended';
END $$;

-- A person's word about a statement that only its author can judge: whether it was done before its
-- connection was lost, or is to run again. For the database's administrator, while nobody is at work.
-- LS011 while somebody is; LS004 when nothing is in doubt.
CREATE OR REPLACE FUNCTION lockstep.resolve_statement(p_version integer, p_statement integer, p_done boolean,
  p_actor text, p_reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.require_read_committed();
  IF NOT pg_try_advisory_xact_lock(lockstep.statement_key()) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS011', MESSAGE = format('backend %s is at work', lockstep.statement_lock_holder());
  END IF;
  IF coalesce(p_actor, '') = '' OR coalesce(p_reason, '') = '' THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'say who decides, and why';
  END IF;
  UPDATE lockstep.intent i SET state = CASE WHEN p_done THEN 'adopted' ELSE 'cleaned' END, ended_at = clock_timestamp(),
    evidence = jsonb_build_object('by', p_actor, 'reason', p_reason)
   WHERE i.version = p_version AND i.statement = p_statement AND i.state = 'running'
     AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = p_version);
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('statement %s of version %s is not in doubt', p_statement, p_version);
  END IF;
  PERFORM lockstep.emit('statement_resolved', p_version, NULL,
    jsonb_build_object('statement', p_statement, 'done', p_done, 'by', p_actor, 'reason', p_reason));
END $$;
