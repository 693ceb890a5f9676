-- What only a development database permits (`lockstep dev` sets the mark in lockstep.setting, and
-- nothing else does). Published migrations never change: these functions are how the private database
-- of one person forgets those that have not run.

-- LS020 unless the database is marked as one for development.
CREATE OR REPLACE FUNCTION lockstep.dev_require() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.require_read_committed();
  IF NOT (SELECT s.dev FROM lockstep.setting s) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS020', MESSAGE = 'this is not a development database';
  END IF;
END $$;

-- Takes back the published versions from p_from on (NULL: none) and the data jobs that have not run, so
-- that other content can be published. LS021 when one of them is applied, LS013 (its id as detail) while
-- an operation runs. Publishing, starts and grants wait for this transaction on the chain row.
CREATE OR REPLACE FUNCTION lockstep.dev_unpublish(p_from integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; ran integer; busy text;
BEGIN
  PERFORM lockstep.dev_require();
  SELECT x.* INTO c FROM lockstep.chain x FOR UPDATE;
  SELECT o.operation_id INTO busy FROM lockstep.operation o WHERE o.state IN ('running', 'paused', 'cancelling');
  IF FOUND OR c.inflight IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS013', MESSAGE = format('operation %s is running', coalesce(busy, 'of another kind')),
      DETAIL = coalesce(busy, '');
  END IF;
  SELECT min(h.version) INTO ran FROM lockstep.history h WHERE h.version >= p_from;
  IF ran IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS021', MESSAGE = format('version %s is applied', ran);
  END IF;
  DELETE FROM lockstep.backfill b WHERE b.run = 0;
  IF p_from BETWEEN 1 AND c.head THEN
    DELETE FROM lockstep.intent i WHERE i.version >= p_from;  -- What they left is in the database all the same.
    DELETE FROM lockstep.migration m WHERE m.version >= p_from;
    UPDATE lockstep.chain x SET head = p_from - 1, chain_hash = coalesce(
      (SELECT m.chain_hash FROM lockstep.migration m WHERE m.version = p_from - 1), decode(repeat('00', 32), 'hex'));
    PERFORM lockstep.emit('unpublished', p_from, NULL, jsonb_build_object('last', c.head));
  END IF;
END $$;

-- Clears away what killed processes left: leader, run, operation, sessions. For a server that was just
-- started and that nobody else uses: no transaction of theirs can be open.
CREATE OR REPLACE FUNCTION lockstep.dev_recover() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.dev_require();
  UPDATE lockstep.leader l SET expires_at = clock_timestamp() - interval '1 second' WHERE l.expires_at > clock_timestamp();
  UPDATE lockstep.lease x SET epoch = x.epoch + 1, lease_id = NULL, state = 'idle', session = NULL, expires_at = NULL
   WHERE x.state <> 'idle';
  UPDATE lockstep.backfill_range x SET state = 'waiting', epoch = nextval('lockstep.backfill_epoch'), lease_id = NULL,
    session = NULL, expires_at = NULL WHERE x.state = 'held';
  UPDATE lockstep.chain c SET inflight = NULL WHERE c.inflight IS NOT NULL;
  UPDATE lockstep.attempt a SET ended_at = clock_timestamp(), outcome = 'revoked',
    error = jsonb_build_object('message', 'its processes were killed') WHERE a.ended_at IS NULL;
  UPDATE lockstep.operation o SET state = 'cancelled', ended_at = clock_timestamp() WHERE o.state IN ('running', 'paused', 'cancelling');
  DELETE FROM lockstep.session s WHERE s.admitted_at IS NULL;
  UPDATE lockstep.session s SET state = 'expired', ended_at = clock_timestamp() WHERE s.state NOT IN ('closed', 'expired');
END $$;
