-- Neighbours in one transaction: what open and close (f04_run.sql) are for one migration, these are for
-- versions p_first..p_last of a run. Only on a database that was never served, where nobody waits for
-- the locks that a longer transaction keeps.
--
-- A group is fenced exactly as one migration is: open_group begins with open itself (token, key share,
-- `opened`), and close_group asks what close asks. Nobody else sees a state between two versions of the
-- group, and either all of its history rows are committed or none.

-- Begins the transaction of a group. Raises as open does, LS005 when the database has been served (a
-- session that is admitted later does no harm: it waits for locks, as behind any migration), LS004 when
-- a version may not share a transaction, or has run.
CREATE OR REPLACE FUNCTION lockstep.open_group(p_epoch bigint, p_lease uuid, p_first integer, p_last integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE fit bigint;
BEGIN
  PERFORM lockstep.open(p_epoch, p_lease, p_first);
  PERFORM 1 FROM lockstep.lease x WHERE p_first < p_last AND p_last <= x.last;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('versions %s to %s are no group of this run', p_first, p_last);
  END IF;
  PERFORM 1 FROM lockstep.chain c WHERE c.first_served_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS005',
      MESSAGE = format('versions %s to %s may not share a transaction: the database has been served', p_first, p_last);
  END IF;
  -- open has asked whether p_first is next; of what follows it nothing waits for anything.
  SELECT count(*) INTO fit FROM lockstep.migration m
   WHERE m.version BETWEEN p_first AND p_last AND m.phase <> 'contract' AND m.transactional
     AND m.waits_for = '{}' AND m.needs_backfill = '{}'
     AND (m.sharing = 'any' OR m.sharing = 'last' AND m.version = p_last)
     AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version);
  IF fit <> p_last - p_first + 1 THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('versions %s to %s may not share a transaction', p_first, p_last);
  END IF;
  UPDATE lockstep.opened x SET last = p_last WHERE x.xid = pg_current_xact_id_if_assigned();
END $$;

-- Ends the transaction of a group: a history row and an event for each version, in their order, and the
-- applied version. p_digests and p_seconds (how long each took, as the agent measured it) are by version.
CREATE OR REPLACE FUNCTION lockstep.close_group(p_epoch bigint, p_lease uuid, p_first integer, p_last integer,
  p_digests bytea[], p_seconds double precision[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record; l record; who text; wrong integer; newest bigint; n integer := p_last - p_first + 1;
BEGIN
  DELETE FROM lockstep.opened x WHERE x.xid = pg_current_xact_id_if_assigned() AND x.epoch = p_epoch
     AND x.lease_id = p_lease AND x.version = p_first AND x.last = p_last RETURNING * INTO o;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS002', MESSAGE = 'close without open in this transaction';
  END IF;
  IF current_setting('session_replication_role') <> 'origin' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS006', MESSAGE = 'session_replication_role was changed: triggers and foreign keys were switched off';
  END IF;
  SELECT x.* INTO l FROM lockstep.lease x WHERE x.epoch = p_epoch AND x.lease_id = p_lease AND x.state = 'held' FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = format('the lease for version %s was taken over', p_first);
  END IF;
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);  -- Raised, never lowered.
  END IF;
  SELECT m.version INTO wrong FROM lockstep.migration m
   WHERE m.version BETWEEN p_first AND p_last AND m.digest IS DISTINCT FROM p_digests[m.version - p_first + 1]
   ORDER BY m.version LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS007', MESSAGE = format('version %s is published with another digest than the one that ran', wrong);
  END IF;
  SELECT coalesce((SELECT a.holder FROM lockstep.attempt a WHERE a.lease_epoch = p_epoch), '') INTO who;
  INSERT INTO lockstep.history (version, digest, lease_epoch, lease_id, xid, applied_at, duration, session, applied_by, backend_pid, how)
  SELECT m.version, m.digest, p_epoch, p_lease, o.xid, clock_timestamp(),
         make_interval(secs => greatest(coalesce(p_seconds[m.version - p_first + 1], 0), 0)), l.session, who, pg_backend_pid(), 'run'
    FROM lockstep.migration m WHERE m.version BETWEEN p_first AND p_last ORDER BY m.version;
  UPDATE lockstep.chain c SET applied = p_last, revision = c.revision + n,
    inflight = CASE WHEN p_last = l.last THEN NULL ELSE c.inflight END
   WHERE c.inflight = l.last AND c.applied < p_first RETURNING c.revision INTO newest;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS004', MESSAGE = format('version %s is not next', p_first);
  END IF;
  IF p_last = l.last THEN
    -- As in close: not a key column, and the token stays consumed.
    UPDATE lockstep.lease x SET state = 'idle', expires_at = NULL, session = NULL WHERE x.epoch = p_epoch;
    UPDATE lockstep.attempt a SET ended_at = clock_timestamp(), outcome = 'succeeded', committed = p_last
     WHERE a.lease_epoch = p_epoch;
  END IF;
  -- As emit does for one: revisions without a gap, under the chain row.
  INSERT INTO lockstep.event (revision, kind, version, operation, detail)
  SELECT newest - p_last + m.version, 'applied', m.version, l.operation,
         jsonb_build_object('title', m.title, 'by', who, 'lease_epoch', p_epoch, 'group', p_first)
    FROM lockstep.migration m WHERE m.version BETWEEN p_first AND p_last ORDER BY m.version;
END $$;
