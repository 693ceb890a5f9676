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

-- Writes an event under the chain row, so that revisions have no gaps and one order. One that names who
-- asked and why is somebody's decision: it goes into the audit too (f15_pin.sql), in this transaction.
CREATE OR REPLACE FUNCTION lockstep.emit(p_kind text, p_version integer, p_operation text, p_detail jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r bigint;
BEGIN
  UPDATE lockstep.chain c SET revision = c.revision + 1 RETURNING c.revision INTO r;
  INSERT INTO lockstep.event (revision, kind, version, operation, detail)
  VALUES (r, p_kind, p_version, p_operation, coalesce(p_detail, '{}'));
  IF p_detail ?& ARRAY['by', 'reason'] AND p_detail ->> 'by' <> 'lockstep' THEN
    PERFORM lockstep.audit_append(r, p_kind, p_version, p_operation, p_detail);
  END IF;
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

-- Who counts and is concerned by a contract: sessions and pins (kind). No clock decides who counts: a
-- reservation or a pin whose time is over counts until it is expired. `overridden`: a person decided that
-- the contract may run all the same; that is the other way round, once its time is over they hold it up
-- again. p_but_overdue leaves out what a grant, which expires it first, would not count.
CREATE OR REPLACE FUNCTION lockstep.concerned(p_contract integer, p_but_overdue boolean DEFAULT false)
RETURNS TABLE (kind text, id text, service text, instance text, build text, adapted_to integer, uses text[], overridden boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH x AS MATERIALIZED (
    SELECT 'session' AS kind, s.session_id::text AS id, s.service, s.instance, s.build, s.adapted_to, s.uses FROM lockstep.session s
     WHERE s.state IN ('starting', 'live', 'draining', 'suspect') AND s.adapted_to < p_contract
       AND NOT (p_but_overdue AND s.state = 'starting' AND s.reserved_until <= clock_timestamp())
     UNION ALL
    SELECT 'pin', p.pin_id, p.service, '', p.build, p.adapted_to, p.uses FROM lockstep.pin p
     WHERE p.ended_at IS NULL AND NOT (p_but_overdue AND p.expires_at <= clock_timestamp())),
  -- A fleet of hundreds declares a handful of things; the question costs more than the rest.
  declared AS MATERIALIZED (
    SELECT d.adapted_to, d.uses FROM (SELECT DISTINCT x.adapted_to, x.uses FROM x) d
     WHERE lockstep.concerns(p_contract, d.adapted_to, d.uses))
  SELECT x.kind, x.id, x.service, x.instance, x.build, x.adapted_to, x.uses,
         EXISTS (SELECT FROM lockstep.override o JOIN lockstep.override_target t USING (override_id)
          WHERE o.contract = p_contract AND o.used_at IS NULL AND o.expires_at > clock_timestamp()
            AND t.kind = x.kind AND t.id = x.id)
    FROM x JOIN declared d ON d.adapted_to = x.adapted_to AND d.uses IS NOT DISTINCT FROM x.uses
$$;

-- How many of them hold the contract up: 0 opens its gate.
CREATE OR REPLACE FUNCTION lockstep.concerned_sessions(p_contract integer, p_but_overdue boolean DEFAULT false)
RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*) FROM lockstep.concerned(p_contract, p_but_overdue) c WHERE NOT c.overridden
$$;

-- The newest expand or data migration up to p_built_for: what a build needs when it does not say.
CREATE OR REPLACE FUNCTION lockstep.default_needs(p_built_for integer)
RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(max(m.version), 0) FROM lockstep.migration m
   WHERE m.version <= p_built_for AND m.phase IN ('expand', 'data')
$$;
