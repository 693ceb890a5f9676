-- Backfills: data jobs in parts, each leased by itself and fenced by its own epoch.
--
-- Why a stale holder cannot commit: backfill_open locks the range's row, and a batch's effect, its cursor
-- and the check are one transaction. A revoke changes the epoch, a key column, so it waits for the open
-- batch; afterwards backfill_open finds no row under the old token. A second backend of one token waits
-- for the first at the row and then starts from the cursor that it left.

-- The range that a token holds, locked to the end of the transaction: nobody else works on it, and
-- nobody takes it back meanwhile. LS001 when the token is not current.
CREATE OR REPLACE FUNCTION lockstep.backfill_fence(p_epoch bigint, p_lease uuid)
RETURNS lockstep.backfill_range LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range;
BEGIN
  PERFORM lockstep.require_read_committed();
  SELECT x.* INTO r FROM lockstep.backfill_range x
   WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = 'the part of the backfill was taken over';
  END IF;
  RETURN r;
END $$;

-- Starts a job. Returns started, resumed (it goes on where it stopped), running (it runs already, with
-- p_settings from now on) or done (it is finished: nothing happens unless p_again). LS016 when there is none, LS004 when its turn has not
-- come. One whose verification found rows left walks all of them again.
CREATE OR REPLACE FUNCTION lockstep.backfill_start(p_epoch bigint, p_holder uuid, p_name text, p_again boolean,
  p_settings jsonb, p_actor text, p_reason text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE b record; anew boolean; a integer;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As everybody who writes an event: chain first.
  SELECT x.* INTO b FROM lockstep.backfill x WHERE x.name = p_name FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS016', MESSAGE = format('there is no backfill %s', p_name);
  END IF;
  SELECT c.applied INTO a FROM lockstep.chain c;
  IF b.after > a THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('backfill %s runs after version %s, the database is at %s', p_name, b.after, a);
  END IF;
  IF b.state = 'running' THEN
    IF coalesce(p_settings, '{}') <> '{}' THEN PERFORM lockstep.backfill_set(p_epoch, p_holder, p_name, p_settings, p_actor, p_reason); END IF;
    RETURN 'running';
  END IF;
  IF b.state = 'done' AND NOT p_again THEN RETURN 'done'; END IF;
  anew := b.state IN ('not run', 'done') OR coalesce(b.rows_left, 0) > 0 OR (p_again AND b.state <> 'paused');
  IF anew THEN
    INSERT INTO lockstep.backfill_range (name, run, ordinal, kind) VALUES (p_name, b.run + 1, 0, 'prepare');
  END IF;
  UPDATE lockstep.backfill x SET state = 'running', run = x.run + CASE WHEN anew THEN 1 ELSE 0 END,
    settings = jsonb_strip_nulls(CASE WHEN b.state = 'paused' THEN x.settings ELSE '{}' END || coalesce(p_settings, '{}')),
    started_at = CASE WHEN anew THEN clock_timestamp() ELSE x.started_at END, ended_at = NULL, error = NULL,
    rows_left = NULL, left_sample = '', look = '', actor = p_actor, reason = p_reason,
    total = CASE WHEN anew THEN NULL ELSE x.total END
   WHERE x.name = p_name;
  UPDATE lockstep.backfill_range x SET not_before = NULL, lost = '{}'
   WHERE x.name = p_name AND x.state = 'waiting' AND (x.not_before IS NOT NULL OR x.lost <> '{}');
  PERFORM lockstep.emit(CASE WHEN anew THEN 'backfill_started' ELSE 'backfill_resumed' END, NULL, NULL,
    jsonb_build_object('name', p_name, 'by', p_actor, 'reason', p_reason));
  RETURN CASE WHEN anew THEN 'started' ELSE 'resumed' END;
END $$;

-- Changes what a job does from its next batch on: p_settings is laid over what was set, a null takes a
-- setting back. LS016 when there is none.
CREATE OR REPLACE FUNCTION lockstep.backfill_set(p_epoch bigint, p_holder uuid, p_name text, p_settings jsonb, p_actor text, p_reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As everybody who writes an event: chain first.
  UPDATE lockstep.backfill x SET settings = jsonb_strip_nulls(x.settings || p_settings) WHERE x.name = p_name;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS016', MESSAGE = format('there is no backfill %s', p_name);
  END IF;
  PERFORM lockstep.emit('backfill_set', NULL, NULL, jsonb_build_object('name', p_name, 'settings', p_settings, 'by', p_actor, 'reason', p_reason));
END $$;

-- Holds a job (p_state paused), lets it go on (running) or ends it (cancelled). A holder sees it before its
-- next batch. True when that changed something. LS016 when there is none.
CREATE OR REPLACE FUNCTION lockstep.backfill_hold(p_epoch bigint, p_holder uuid, p_name text, p_state text, p_actor text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE was text;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As everybody who writes an event: chain first.
  SELECT x.state INTO was FROM lockstep.backfill x WHERE x.name = p_name FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS016', MESSAGE = format('there is no backfill %s', p_name);
  END IF;
  IF p_state NOT IN ('running', 'paused', 'cancelled') OR was = p_state OR was NOT IN ('running', 'paused') THEN
    RETURN false;
  END IF;
  UPDATE lockstep.backfill x SET state = p_state, ended_at = CASE WHEN p_state = 'cancelled' THEN clock_timestamp() END WHERE x.name = p_name;
  PERFORM lockstep.emit('backfill_' || CASE p_state WHEN 'running' THEN 'resumed' ELSE p_state END, NULL, NULL,
    jsonb_build_object('name', p_name, 'by', p_actor, 'reason', p_reason));
  RETURN true;
END $$;

-- Gives a session the next part that nobody works on, of the job that was started first, or of p_name
-- alone. No row when there is none. The ranges of a job come after its prepare, and its verify after all
-- ranges.
CREATE OR REPLACE FUNCTION lockstep.backfill_grant(p_epoch bigint, p_holder uuid, p_session uuid, p_who text, p_ttl interval,
  p_name text DEFAULT NULL)
RETURNS TABLE (name text, ordinal integer, epoch bigint, lease_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE r record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  SELECT x.name, x.run, x.ordinal INTO r FROM lockstep.backfill b
    JOIN lockstep.backfill_range x ON x.name = b.name AND x.run = b.run AND x.state = 'waiting'
   WHERE b.state = 'running' AND b.name = coalesce(p_name, b.name) AND coalesce(x.not_before <= clock_timestamp(), true)
     AND (x.kind <> 'verify' OR NOT EXISTS (SELECT FROM lockstep.backfill_range y
           WHERE y.name = x.name AND y.run = x.run AND y.kind <> 'verify' AND y.state <> 'done'))
   ORDER BY b.started_at, b.name, x.ordinal LIMIT 1 FOR UPDATE OF x SKIP LOCKED;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY UPDATE lockstep.backfill_range x SET state = 'held', epoch = nextval('lockstep.backfill_epoch'),
      lease_id = gen_random_uuid(), session = p_session, holder = p_who, expires_at = clock_timestamp() + p_ttl,
      grants = x.grants + 1, started_at = coalesce(x.started_at, clock_timestamp()), stands = '', stands_since = NULL
    WHERE x.name = r.name AND x.run = r.run AND x.ordinal = r.ordinal
    RETURNING x.name, x.ordinal, x.epoch, x.lease_id;
END $$;

-- Takes a part back. Waits for its holder's open batch (the caller's lock_timeout applies); afterwards
-- nothing of the old token can commit. False when it was not held under that epoch any more. The job fails
-- when p_most holders in a row were lost at work in a part that did not move: it ends whoever works on it.
-- Who stood still when it was lost does not count.
CREATE OR REPLACE FUNCTION lockstep.backfill_revoke(p_epoch bigint, p_holder uuid, p_range_epoch bigint, p_why text, p_most integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.backfill_range x SET state = 'waiting', epoch = nextval('lockstep.backfill_epoch'), lease_id = NULL,
    session = NULL, expires_at = NULL, stands = '', stands_since = NULL, error = jsonb_build_object('message', p_why),
    lost = x.lost || CASE WHEN x.stands = '' THEN ARRAY[coalesce(x.holder, '')] ELSE '{}' END
   WHERE x.epoch = p_range_epoch AND x.state = 'held' RETURNING x.name, x.kind, x.ordinal, x.lost INTO r;
  IF NOT FOUND THEN RETURN false; END IF;
  IF cardinality(r.lost) >= p_most THEN
    PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- A part, then the chain: as backfill_give_back does.
    PERFORM lockstep.backfill_fail(r.name, jsonb_build_object('reason', 'HOLDERS_LOST',
      'message', format('%s of the backfill was taken back %s times in a row because the agent that worked on it died or went silent: %s',
        CASE r.kind WHEN 'range' THEN format('range %s', r.ordinal) ELSE format('section %s', r.kind) END, cardinality(r.lost),
        (SELECT string_agg(l.holder || CASE WHEN l.n > 1 THEN format(' %s times', l.n) ELSE '' END, ', ' ORDER BY l.holder)
           FROM (SELECT h AS holder, count(*) AS n FROM unnest(r.lost) h GROUP BY h) l)),
      'hint', format('look at the logs of these agents and of PostgreSQL for what ended them (killed, out of memory, a crash), remove the cause, then `lockstep backfill start %s`: it goes on where it stopped', r.name)));
  END IF;
  RETURN true;
END $$;

-- Ends a job that was not ended by a person. The caller has locked the chain.
CREATE OR REPLACE FUNCTION lockstep.backfill_fail(p_name text, p_error jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE lockstep.backfill b SET state = 'failed', ended_at = clock_timestamp(), error = p_error
   WHERE b.name = p_name AND b.state IN ('running', 'paused');
  IF FOUND THEN
    PERFORM lockstep.emit('backfill_failed', NULL, NULL, jsonb_build_object('name', p_name, 'error', p_error));
  END IF;
END $$;

-- ---- What a holder calls.

-- Everything about the part that a token holds. LS001 when the token is not current.
CREATE OR REPLACE FUNCTION lockstep.backfill_part(p_epoch bigint, p_lease uuid)
RETURNS TABLE (name text, kind text, ordinal integer, sql bytea, digest bytea, relation oid, low text[], high text[],
  batch_rows integer, owner_role text, search_path text, total bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  -- A range that was not begun goes on with the batches of the one before.
  RETURN QUERY SELECT b.name, x.kind, x.ordinal, b.sql, b.digest, b.relation, x.low, x.high,
      coalesce(nullif(x.batch_rows, 0), (SELECT y.batch_rows FROM lockstep.backfill_range y WHERE y.name = x.name AND y.run = x.run
        AND y.batch_rows > 0 ORDER BY y.moved_at DESC NULLS LAST LIMIT 1), 0), s.owner_role,
      s.search_path, b.total
    FROM lockstep.backfill_range x JOIN lockstep.backfill b ON b.name = x.name AND b.run = x.run CROSS JOIN lockstep.setting s
   WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held';
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = 'the part of the backfill was taken over';
  END IF;
END $$;

-- Begins a transaction of a part and says where it stands. holders: how many parts of the job are held.
CREATE OR REPLACE FUNCTION lockstep.backfill_open(p_epoch bigint, p_lease uuid)
RETURNS TABLE (state text, settings jsonb, cursor text[], holders integer, clock double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE r lockstep.backfill_range;
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  RETURN QUERY SELECT b.state, b.settings, coalesce(r.position, r.low),
      (SELECT count(*)::integer FROM lockstep.backfill_range y WHERE y.name = r.name AND y.run = r.run AND y.state = 'held'),
      extract(epoch FROM clock_timestamp())::double precision
    FROM lockstep.backfill b WHERE b.name = r.name AND b.run = r.run;
END $$;

-- Whether key p_left comes before p_right, compared as the job's key columns are.
CREATE OR REPLACE FUNCTION lockstep.backfill_before(p_types text[], p_left text[], p_right text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE l text; r text; found boolean;
BEGIN
  SELECT string_agg(format('($1[%s])::%s', i, t), ', ' ORDER BY i), string_agg(format('($2[%s])::%s', i, t), ', ' ORDER BY i)
    INTO l, r FROM unnest(p_types) WITH ORDINALITY x(t, i);
  EXECUTE format('SELECT ROW(%s) < ROW(%s)', l, r) INTO found USING p_left, p_right;
  RETURN found;
END $$;

-- Ends a batch's transaction: the cursor moves from p_from to p_to, which is never back, and the holder
-- gets p_ttl more. p_done: nothing of the range is left.
CREATE OR REPLACE FUNCTION lockstep.backfill_close(p_epoch bigint, p_lease uuid, p_from text[], p_to text[], p_done boolean,
  p_walked bigint, p_changed bigint, p_batch integer, p_lag interval, p_ttl interval)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range; t text[];
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  IF current_setting('session_replication_role') <> 'origin' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS006', MESSAGE = 'session_replication_role was changed: triggers and foreign keys were switched off';
  END IF;
  SELECT b.key_types INTO t FROM lockstep.backfill b WHERE b.name = r.name;
  IF coalesce(r.position, r.low) IS DISTINCT FROM p_from OR (p_to IS DISTINCT FROM p_from
      AND NOT coalesce(lockstep.backfill_before(t, p_from, p_to) AND NOT lockstep.backfill_before(t, r.high, p_to), false)) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS017', MESSAGE = format('backfill %s: the cursor would move from %s to %s, and stands at %s',
      r.name, p_from::text, p_to::text, coalesce(r.position, r.low)::text);
  END IF;
  UPDATE lockstep.backfill_range x SET position = p_to, rows_walked = x.rows_walked + p_walked,
    rows_changed = x.rows_changed + p_changed, batches = x.batches + 1, batch_rows = p_batch, lag = p_lag,
    moved_at = clock_timestamp(), expires_at = clock_timestamp() + p_ttl, stands = '', stands_since = NULL, error = NULL, lost = '{}',
    state = CASE WHEN p_done THEN 'done' ELSE x.state END, ended_at = CASE WHEN p_done THEN clock_timestamp() END,
    lease_id = CASE WHEN p_done THEN NULL ELSE x.lease_id END
   WHERE x.epoch = p_epoch;
  -- Whoever walked the range says so, and nobody would come back to it: a crash must not lose its end.
  IF p_done THEN PERFORM lockstep.backfill_durable(); END IF;
END $$;

-- Says that a holder is alive although it does nothing, and why. Returns what it has to know.
CREATE OR REPLACE FUNCTION lockstep.backfill_beat(p_epoch bigint, p_lease uuid, p_stands text, p_lag interval, p_ttl interval)
RETURNS TABLE (state text, settings jsonb, cursor text[], holders integer, clock double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range;
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  UPDATE lockstep.backfill_range x SET expires_at = clock_timestamp() + p_ttl, stands = p_stands, lag = p_lag,
    stands_since = CASE WHEN p_stands = '' THEN NULL WHEN x.stands = '' THEN clock_timestamp() ELSE x.stands_since END
   WHERE x.epoch = p_epoch;
  RETURN QUERY SELECT * FROM lockstep.backfill_open(p_epoch, p_lease);
END $$;

-- Ends the prepare part with the ranges of the job: p_ranges is [{"low": [...], "high": [...]}, ...] in the
-- order of the keys, of the types p_types under p_collations (0: none). No relation: one batch without keys.
CREATE OR REPLACE FUNCTION lockstep.backfill_plan(p_epoch bigint, p_lease uuid, p_relation oid, p_types regtype[],
  p_collations oid[], p_ranges jsonb, p_total bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range; t text[]; strange text; n integer;
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  IF r.kind <> 'prepare' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS017', MESSAGE = format('backfill %s is planned already', r.name);
  END IF;
  -- These become a part of statements that run with the rights of this schema's owner.
  SELECT x::text INTO strange FROM unnest(p_types) x WHERE x NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype,
    'numeric'::regtype, 'uuid'::regtype, 'text'::regtype, 'character varying'::regtype, 'date'::regtype,
    'timestamp'::regtype, 'timestamptz'::regtype) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS017', MESSAGE = format('backfill %s: a key of type %s cannot be walked', r.name, strange);
  END IF;
  SELECT coalesce(array_agg(x.type::text || CASE WHEN n.nspname IS NULL THEN '' ELSE format(' COLLATE %I.%I', n.nspname, c.collname) END ORDER BY x.i), '{}') INTO t
    FROM unnest(p_types, p_collations) WITH ORDINALITY x(type, coll, i)
    LEFT JOIN pg_collation c ON c.oid = x.coll AND c.collname <> 'default'
    LEFT JOIN pg_namespace n ON n.oid = c.collnamespace;
  INSERT INTO lockstep.backfill_range (name, run, ordinal, kind, low, high)
  SELECT r.name, r.run, x.i, 'range',
      CASE WHEN jsonb_typeof(x.range -> 'low') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(x.range -> 'low')) END,
      CASE WHEN jsonb_typeof(x.range -> 'high') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(x.range -> 'high')) END
    FROM jsonb_array_elements(p_ranges) WITH ORDINALITY x(range, i);
  GET DIAGNOSTICS n = ROW_COUNT;
  INSERT INTO lockstep.backfill_range (name, run, ordinal, kind) VALUES (r.name, r.run, n + 1, 'verify');
  UPDATE lockstep.backfill b SET relation = p_relation, key_types = t, total = p_total WHERE b.name = r.name;
  UPDATE lockstep.backfill_range x SET state = 'done', ended_at = clock_timestamp(), lease_id = NULL, stands = '', error = NULL
   WHERE x.epoch = p_epoch;
  PERFORM lockstep.backfill_durable();
END $$;

-- From here to its end this transaction waits for its commit, whatever the batches do.
CREATE OR REPLACE FUNCTION lockstep.backfill_durable() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $$;

-- Ends the verify part, and with it the job: done when nothing is left, else failed.
CREATE OR REPLACE FUNCTION lockstep.backfill_verified(p_epoch bigint, p_lease uuid, p_left bigint, p_sample text, p_look text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range; done boolean := p_left = 0;
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  IF r.kind <> 'verify' OR EXISTS (SELECT FROM lockstep.backfill_range y WHERE y.name = r.name AND y.run = r.run
      AND y.kind <> 'verify' AND y.state <> 'done') THEN
    RAISE EXCEPTION USING ERRCODE = 'LS017', MESSAGE = format('backfill %s is not at its end', r.name);
  END IF;
  PERFORM lockstep.backfill_durable();
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As everybody who writes an event: chain first.
  -- Kept until the job goes on or begins anew: what has walked all of it need not do so again.
  UPDATE lockstep.backfill_range x SET state = 'done', ended_at = clock_timestamp(), lease_id = NULL, stands = '', error = NULL
   WHERE x.epoch = p_epoch;
  UPDATE lockstep.backfill b SET state = CASE WHEN done THEN 'done' ELSE 'failed' END, ended_at = clock_timestamp(),
    rows_left = p_left, left_sample = p_sample, look = p_look,
    error = CASE WHEN NOT done THEN jsonb_build_object('message', format('the verification found %s rows left', p_left)) END
   WHERE b.name = r.name AND b.state IN ('running', 'paused');
  PERFORM lockstep.emit(CASE WHEN done THEN 'backfill_done' ELSE 'backfill_failed' END, NULL, NULL,
    jsonb_build_object('name', r.name, 'left', p_left));
  RETURN done;
END $$;

-- Gives a part back that could not go on: to be tried again after p_again, or, without it, the job has failed.
CREATE OR REPLACE FUNCTION lockstep.backfill_give_back(p_epoch bigint, p_lease uuid, p_error jsonb, p_again interval)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r lockstep.backfill_range;
BEGIN
  r := lockstep.backfill_fence(p_epoch, p_lease);
  IF p_again IS NULL AND p_error IS NOT NULL THEN
    PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As everybody who writes an event: chain first.
  END IF;
  UPDATE lockstep.backfill_range x SET state = 'waiting', lease_id = NULL, session = NULL, expires_at = NULL,
    not_before = clock_timestamp() + p_again, error = p_error, stands = '', stands_since = NULL,
    lost = CASE WHEN p_error IS NULL THEN x.lost ELSE '{}' END  -- Who reports a failure has survived it.
   WHERE x.epoch = p_epoch;
  IF p_again IS NULL AND p_error IS NOT NULL THEN
    PERFORM lockstep.backfill_fail(r.name, p_error);
  END IF;
END $$;

-- What throttles are judged by, in one look. p_relation is the table that a job walks, with its partitions;
-- p_pids are the backends of the job, which do not count. NULL where a number cannot be read: of replicas
-- also when one is there whose position is hidden from us.
CREATE OR REPLACE FUNCTION lockstep.backfill_health(p_relation oid, p_pids integer[])
RETURNS TABLE (wal bigint, replayed bigint, replicas integer, hidden_replicas integer, slot_bytes bigint, lost_slots integer,
  archive_failing boolean, vacuums integer, dead bigint, live bigint, active integer, lock_waits integer, hidden_sessions integer,
  oldest double precision, oldest_who text, clock double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN  -- Not a function in SQL: those are planned anew at each call.
  RETURN QUERY WITH leaf AS MATERIALIZED (
    SELECT p_relation AS oid WHERE p_relation IS NOT NULL UNION SELECT t.relid::oid FROM pg_partition_tree(p_relation::regclass) t),
  replica AS MATERIALIZED (SELECT r.pid, r.state, r.replay_lsn FROM pg_stat_replication r WHERE r.state IS DISTINCT FROM 'backup'),
  other AS MATERIALIZED (SELECT a.* FROM pg_stat_activity a WHERE a.pid <> ALL (p_pids) AND a.pid <> pg_backend_pid()),
  old AS MATERIALIZED (
    SELECT o.xact_start AS since, coalesce(nullif(o.application_name, ''), o.usename::text, 'pid ' || o.pid) AS who FROM other o
     WHERE o.xact_start IS NOT NULL AND o.backend_type = 'client backend' AND (o.backend_xmin IS NOT NULL OR o.backend_xid IS NOT NULL)
       AND o.datname = current_database()
    UNION ALL SELECT x.prepared, 'prepared transaction ' || x.gid FROM pg_prepared_xacts x WHERE x.database = current_database()
    ORDER BY 1 LIMIT 1)
  SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,
    (SELECT min(pg_wal_lsn_diff(r.replay_lsn, '0/0'))::bigint FROM replica r),
    (SELECT count(*)::integer FROM replica r WHERE r.replay_lsn IS NOT NULL),
    (SELECT count(*)::integer FROM replica r WHERE r.state IS NULL),
    (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn))::bigint FROM pg_replication_slots s),
    (SELECT count(*)::integer FROM pg_replication_slots s WHERE s.wal_status = 'lost'),
    (SELECT coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false)
        AND current_setting('archive_mode') <> 'off' FROM pg_stat_archiver a),
    -- Those of other holders make room for all of them.
    (SELECT count(*)::integer FROM pg_stat_progress_vacuum v JOIN leaf l ON l.oid = v.relid WHERE v.pid <> ALL (p_pids)
        AND NOT EXISTS (SELECT FROM other o WHERE o.pid = v.pid AND o.application_name LIKE 'lockstep:%')),
    (SELECT sum(pg_stat_get_dead_tuples(l.oid))::bigint FROM leaf l),
    (SELECT sum(pg_stat_get_live_tuples(l.oid))::bigint FROM leaf l),
    (SELECT count(*)::integer FROM other o WHERE o.state = 'active' AND o.backend_type = 'client backend'
        AND o.wait_event_type IS DISTINCT FROM 'Lock'),
    (SELECT count(*)::integer FROM pg_locks k JOIN leaf l ON l.oid = k.relation WHERE NOT k.granted
        AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND k.pid <> ALL (p_pids)),
    (SELECT count(*)::integer FROM other o WHERE o.backend_type IS NULL),
    (SELECT extract(epoch FROM clock_timestamp() - x.since)::double precision FROM old x), (SELECT x.who FROM old x),
    extract(epoch FROM clock_timestamp())::double precision;
END $$;
