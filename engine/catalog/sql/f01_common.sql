-- Helpers of the other functions. Every function of the schema is SECURITY DEFINER with a fixed
-- search_path and qualified names: with lockstep itself on the path a temporary table called "lease"
-- could forge history.

-- Every decision here counts on READ COMMITTED: a statement after a lock sees what was committed
-- while it waited. Under REPEATABLE READ a gate query once counted no blockers where there was one.
CREATE OR REPLACE FUNCTION lockstep.require_read_committed() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS003',
      MESSAGE = 'lockstep needs READ COMMITTED, this transaction is ' || upper(current_setting('transaction_isolation'));
  END IF;
END $$;

-- Writes an event under the chain row, so that revisions have no gaps and one order.
CREATE OR REPLACE FUNCTION lockstep.emit(p_kind text, p_version integer, p_operation text, p_detail jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r bigint;
BEGIN
  UPDATE lockstep.chain c SET revision = c.revision + 1 RETURNING c.revision INTO r;
  INSERT INTO lockstep.event (revision, kind, version, operation, detail)
  VALUES (r, p_kind, p_version, p_operation, coalesce(p_detail, '{}'));
  RETURN r;
END $$;

-- Opens every write transaction of a leader. The key-share lock keeps a takeover (which changes the
-- epoch, a key column) waiting until this transaction ends: no write of an epoch commits after it. Nor
-- does one on a timeline on which nobody has been elected yet: what the leader remembers may be lost.
CREATE OR REPLACE FUNCTION lockstep.leader_fence(p_epoch bigint, p_holder uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.require_read_committed();
  PERFORM 1 FROM lockstep.leader l WHERE l.epoch = p_epoch AND l.holder = p_holder FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS010', MESSAGE = 'this coordinator no longer leads';
  END IF;
  PERFORM 1 FROM lockstep.chain c WHERE c.timeline = lockstep.timeline();
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS010', MESSAGE = 'PostgreSQL has failed over since this coordinator was elected';
  END IF;
END $$;

-- Does contract p_contract concern a build? (docs/concepts.md) A table and a column of it overlap,
-- whichever of the two names only the table.
CREATE OR REPLACE FUNCTION lockstep.concerns(p_contract integer, p_adapted_to integer, p_uses text[])
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(p_adapted_to, 0) < p_contract AND NOT EXISTS (
    SELECT FROM lockstep.migration m WHERE m.version = p_contract
       AND p_uses IS NOT NULL AND m.touches IS NOT NULL AND NOT EXISTS (
         SELECT FROM unnest(m.touches) t, unnest(p_uses) u
          WHERE t = u OR starts_with(t, u || '.') OR starts_with(u, t || '.')))
$$;

-- How many countable sessions a contract concerns. No clock decides who counts: a reservation whose time
-- is over counts until it is expired. p_but_overdue leaves those out: what a grant, which expires them
-- first, would count.
CREATE OR REPLACE FUNCTION lockstep.concerned_sessions(p_contract integer, p_but_overdue boolean DEFAULT false)
RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*) FROM lockstep.session s
   WHERE s.state IN ('starting', 'live', 'draining', 'suspect') AND lockstep.concerns(p_contract, s.adapted_to, s.uses)
     AND NOT (p_but_overdue AND s.state = 'starting' AND s.reserved_until <= clock_timestamp())
$$;

-- The newest expand or data migration up to p_built_for: what a build needs when it does not say.
CREATE OR REPLACE FUNCTION lockstep.default_needs(p_built_for integer)
RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(m.version), 0) FROM lockstep.migration m
   WHERE m.version <= p_built_for AND m.phase IN ('expand', 'data')
$$;
