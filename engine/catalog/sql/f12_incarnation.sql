-- Incarnations: PostgreSQL may lose what it had committed (a failover to an asynchronous standby, a
-- restored backup), and numbers then go back. Each time that may have happened a new incarnation
-- begins, and whoever remembers something of an older one starts anew.
--
-- How it shows: the identifier that initdb gave the server is another one (a dump, or another server);
-- the timeline is another one (a promotion, a recovery from an archive); or a coordinator remembers
-- newer numbers than the database has (a copy of the files that was put back: neither of the two).

-- The timeline of the WAL that is written now. pg_control_checkpoint tells that of the last checkpoint,
-- which is the old one for a while after a promotion.
CREATE OR REPLACE FUNCTION lockstep.timeline() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
END $$;

-- NULL where the owner of this schema may not ask: then the timeline alone has to tell.
CREATE OR REPLACE FUNCTION lockstep.system_identifier() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT s.system_identifier FROM pg_control_system() s);
END $$;

-- Whether this is the server that the incarnation began on. An identifier that is not known is no
-- difference.
CREATE OR REPLACE FUNCTION lockstep.same_server() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT c.timeline = lockstep.timeline()
            AND coalesce(c.system_identifier = lockstep.system_identifier(), true) FROM lockstep.chain c);
END $$;

-- Begins a new incarnation where one is due; in the transaction that took the leader's row, hence after
-- every write of the leaders before. p_beyond: the caller remembers newer numbers, of this incarnation;
-- 0 when it does not. Numbers of branches that were lost are passed over as far as anybody knows them:
-- an incarnation is at least as high as the timeline, and higher than p_beyond.
CREATE OR REPLACE FUNCTION lockstep.incarnate(p_beyond bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; i bigint;
BEGIN
  SELECT x.incarnation, x.timeline, x.system_identifier INTO c FROM lockstep.chain x;
  IF c.timeline IS NULL THEN  -- The first leader ever.
    UPDATE lockstep.chain x SET timeline = lockstep.timeline(), system_identifier = lockstep.system_identifier();
    RETURN c.incarnation;
  END IF;
  IF lockstep.same_server() AND p_beyond < c.incarnation THEN
    RETURN c.incarnation;
  END IF;
  UPDATE lockstep.chain x SET incarnation = greatest(x.incarnation, p_beyond, lockstep.timeline() - 1) + 1,
    timeline = lockstep.timeline(), system_identifier = coalesce(lockstep.system_identifier(), x.system_identifier)
  RETURNING x.incarnation INTO i;
  PERFORM lockstep.emit('incarnation_began', NULL, NULL, jsonb_build_object('incarnation', i, 'reason',
    CASE WHEN c.timeline <> lockstep.timeline() THEN format('timeline %s follows %s', lockstep.timeline(), c.timeline)
         WHEN c.system_identifier <> lockstep.system_identifier() THEN 'another server'
         ELSE 'older than what a coordinator remembers' END));
  RETURN i;
END $$;

-- Instances that the database forgot have had their time to register again, so that contracts may be
-- granted. Kept here and not in memory: a leader that follows in the middle of it begins anew.
CREATE OR REPLACE FUNCTION lockstep.incarnation_settled(p_epoch bigint, p_holder uuid, p_incarnation bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.chain c SET settled_incarnation = p_incarnation
   WHERE c.incarnation = p_incarnation AND c.settled_incarnation <> p_incarnation;
  RETURN FOUND;
END $$;
