-- The leader: a row lease. Time decides when to try, the key update decides who got it.

-- Becomes leader where nobody leads, where the lease has expired, or where the caller's own clock has
-- seen (p_seen_epoch, p_seen_renewal) unchanged for longer than the lease may live. Returns the row as
-- it is now; the caller leads when holder is p_holder. Waits for the old leader's open transactions.
-- With the row goes the incarnation, if a new one is due (f12_incarnation.sql, p_beyond too).
CREATE OR REPLACE FUNCTION lockstep.leader_acquire(p_holder uuid, p_address text, p_ttl interval,
  p_seen_epoch bigint, p_seen_renewal bigint, p_beyond bigint DEFAULT 0)
RETURNS TABLE (epoch bigint, holder uuid, address text, renew_seq bigint, expired boolean, incarnation bigint, revision bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE took boolean := false;
BEGIN
  PERFORM lockstep.require_read_committed();
  INSERT INTO lockstep.leader AS l (epoch, holder, address, acquired_at, expires_at)
  VALUES (1, p_holder, p_address, clock_timestamp(), clock_timestamp() + p_ttl)
  ON CONFLICT (singleton) DO UPDATE SET epoch = l.epoch + 1, holder = p_holder, address = p_address,
    renew_seq = 0, acquired_at = clock_timestamp(), expires_at = clock_timestamp() + p_ttl
  WHERE l.expires_at < clock_timestamp() OR (l.epoch = p_seen_epoch AND l.renew_seq = p_seen_renewal);
  took := FOUND;
  IF took THEN
    PERFORM lockstep.incarnate(p_beyond);
    -- An event is not worth a wait: a migration keeps the chain's row from close to its COMMIT, and it
    -- takes a leader to end one whose agent is gone.
    PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM lockstep.emit('leader_elected', NULL, NULL, jsonb_build_object('address', p_address));
    END IF;
  END IF;
  RETURN QUERY SELECT l.epoch, l.holder, l.address, l.renew_seq, l.expires_at < clock_timestamp(), c.incarnation, c.revision
    FROM lockstep.leader l CROSS JOIN lockstep.chain c;
END $$;

-- Extends the lease; changes no key, so it waits for nobody. No row when the caller no longer leads.
-- same_server is false when PostgreSQL has failed over or was replaced since it was elected: then
-- leader_fence refuses its writes, and it has to acquire the row again.
CREATE OR REPLACE FUNCTION lockstep.leader_renew(p_epoch bigint, p_holder uuid, p_ttl interval)
RETURNS TABLE (renew_seq bigint, incarnation bigint, revision bigint, same_server boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE n bigint;
BEGIN
  UPDATE lockstep.leader l SET renew_seq = l.renew_seq + 1, expires_at = clock_timestamp() + p_ttl
   WHERE l.epoch = p_epoch AND l.holder = p_holder RETURNING l.renew_seq INTO n;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY SELECT n, c.incarnation, c.revision, lockstep.same_server() FROM lockstep.chain c;
END $$;

-- Gives the lease up by letting it expire: the row and its epoch stay.
CREATE OR REPLACE FUNCTION lockstep.leader_resign(p_epoch bigint, p_holder uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE lockstep.leader l SET expires_at = clock_timestamp() - interval '1 second'
   WHERE l.epoch = p_epoch AND l.holder = p_holder;
  RETURN FOUND;
END $$;
