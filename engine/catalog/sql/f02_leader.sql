-- The leader: a row lease. Time decides when to try, the key update decides who got it.

-- Becomes leader where nobody leads, where the lease has expired, or where the caller's own clock has
-- seen (p_seen_epoch, p_seen_renewal) unchanged for longer than the lease may live. Returns the row as
-- it is now; the caller leads when holder is p_holder. Waits for the old leader's open transactions.
CREATE OR REPLACE FUNCTION lockstep.leader_acquire(p_holder uuid, p_address text, p_ttl interval,
  p_seen_epoch bigint, p_seen_renewal bigint)
RETURNS TABLE (epoch bigint, holder uuid, address text, renew_seq bigint, expired boolean)
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
    PERFORM lockstep.emit('leader_elected', NULL, NULL, jsonb_build_object('address', p_address));
  END IF;
  RETURN QUERY SELECT l.epoch, l.holder, l.address, l.renew_seq, l.expires_at < clock_timestamp() FROM lockstep.leader l;
END $$;

-- Extends the lease; changes no key, so it waits for nobody. False when the caller no longer leads.
CREATE OR REPLACE FUNCTION lockstep.leader_renew(p_epoch bigint, p_holder uuid, p_ttl interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE lockstep.leader l SET renew_seq = l.renew_seq + 1, expires_at = clock_timestamp() + p_ttl
   WHERE l.epoch = p_epoch AND l.holder = p_holder;
  RETURN FOUND;
END $$;

-- Gives the lease up by letting it expire: the row and its epoch stay.
CREATE OR REPLACE FUNCTION lockstep.leader_resign(p_epoch bigint, p_holder uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE lockstep.leader l SET expires_at = clock_timestamp() - interval '1 second'
   WHERE l.epoch = p_epoch AND l.holder = p_holder;
  RETURN FOUND;
END $$;
