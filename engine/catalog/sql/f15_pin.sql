-- What people decide about builds and contracts: pins, overrides, and the record of all decisions.

-- Pins a build: it counts as a live instance until the pin has ended, so that no contract takes away what
-- it needs. Pinning it again replaces what the pin said. p_built_for NULL: as an instance of the build
-- declared, or the pin that is there. LS040 when nobody knows the build; LS041 (the gate's reason as
-- detail) when it could not start any more or the fleet drains for a contract that concerns it: a pin must
-- not promise what is gone, nor hold up what is under way.
CREATE OR REPLACE FUNCTION lockstep.pin_build(p_epoch bigint, p_holder uuid, p_service text, p_build text,
  p_built_for integer, p_chain_hash bytea, p_needs integer, p_adapted_to integer, p_uses text[], p_for interval,
  p_actor text, p_reason text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE d record; v record; pin text;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  LOCK TABLE lockstep.gate_lock IN ROW SHARE MODE;    -- As an admission: either it comes before a grant,
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- and the grant counts it, or it sees what was granted.
  IF p_built_for IS NOT NULL THEN
    SELECT p_built_for AS built_for, p_chain_hash AS chain_hash, p_needs AS needs, p_adapted_to AS adapted_to, p_uses AS uses INTO d;
  ELSE
    SELECT x.built_for, m.chain_hash, x.needs, x.adapted_to, x.uses INTO d FROM (
      SELECT s.built_for, s.needs, s.adapted_to, s.uses, s.registered_at AS at FROM lockstep.session s
       WHERE s.service = p_service AND s.build = p_build AND s.verdict <> 'REFUSED'
       UNION ALL
      SELECT p.built_for, p.needs, p.adapted_to, p.uses, p.created_at FROM lockstep.pin p
       WHERE p.service = p_service AND p.build = p_build AND p.ended_at IS NULL) x
      LEFT JOIN lockstep.migration m ON m.version = x.built_for ORDER BY x.at DESC LIMIT 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'LS040', MESSAGE = format('no instance of build %s of %s is known', p_build, p_service),
        HINT = 'give what the build declares: its service file and its chain.sum';
    END IF;
  END IF;
  SELECT g.* INTO v FROM lockstep.gate(true, d.built_for, d.chain_hash, d.needs, d.adapted_to, d.uses) g;
  IF v.verdict = 'REFUSED' THEN
    RAISE EXCEPTION USING ERRCODE = 'LS041', MESSAGE = format('build %s of %s cannot be pinned: %s', p_build, p_service, v.detail),
      DETAIL = v.reason, HINT = v.hint;
  END IF;
  INSERT INTO lockstep.pin AS p (pin_id, service, build, built_for, needs, adapted_to, uses, expires_at, actor, reason)
  VALUES ('pin-' || left(replace(gen_random_uuid()::text, '-', ''), 12), p_service, p_build, d.built_for, v.needs,
    d.adapted_to, d.uses, clock_timestamp() + p_for, p_actor, p_reason)
  ON CONFLICT (service, build) WHERE ended_at IS NULL DO UPDATE SET built_for = EXCLUDED.built_for, needs = EXCLUDED.needs,
    adapted_to = EXCLUDED.adapted_to, uses = EXCLUDED.uses, expires_at = EXCLUDED.expires_at, actor = p_actor, reason = p_reason
  RETURNING p.pin_id INTO pin;
  PERFORM lockstep.emit('pinned', NULL, NULL, jsonb_build_object('service', p_service, 'build', p_build, 'pin', pin,
    'adapted_to', d.adapted_to, 'for', p_for::text, 'by', p_actor, 'reason', p_reason));
  RETURN pin;
END $$;

-- Declares that a build will not run again: its pin ends, and how many that were (0 or 1) is returned. Ends
-- no session: an instance that runs, or may run, is not gone because somebody says so of its build. LS040
-- when nobody knows the build.
CREATE OR REPLACE FUNCTION lockstep.retire_build(p_epoch bigint, p_holder uuid, p_service text, p_build text, p_actor text, p_reason text)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE n integer;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;
  UPDATE lockstep.pin p SET ended_at = clock_timestamp(), end_rule = 'retired'
   WHERE p.service = p_service AND p.build = p_build AND p.ended_at IS NULL;
  GET DIAGNOSTICS n = ROW_COUNT;
  IF n = 0 AND NOT EXISTS (SELECT FROM lockstep.session s WHERE s.service = p_service AND s.build = p_build) THEN
    RAISE EXCEPTION USING ERRCODE = 'LS040', MESSAGE = format('no instance of build %s of %s is known', p_build, p_service),
      HINT = 'lockstep pins, lockstep instances';
  END IF;
  PERFORM lockstep.emit('build_retired', NULL, NULL, jsonb_build_object('service', p_service, 'build', p_build,
    'pins', n, 'by', p_actor, 'reason', p_reason));
  RETURN n;
END $$;

-- Ends the pins whose time is over, by the database's clock; see expire_overdue.
CREATE OR REPLACE FUNCTION lockstep.expire_pins() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE p record;
BEGIN
  IF NOT EXISTS (SELECT FROM lockstep.pin x WHERE x.ended_at IS NULL AND x.expires_at <= clock_timestamp()) THEN RETURN; END IF;
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- Chain first, as everybody who locks both.
  FOR p IN UPDATE lockstep.pin x SET ended_at = clock_timestamp(), end_rule = 'expired'
            WHERE x.ended_at IS NULL AND x.expires_at <= clock_timestamp() RETURNING x.pin_id, x.service, x.build LOOP
    PERFORM lockstep.emit('pin_expired', NULL, NULL, jsonb_build_object('service', p.service, 'build', p.build, 'pin', p.pin_id));
  END LOOP;
END $$;

-- Of the grant of a contract, before it asks whom the contract concerns. A reservation that an override names
-- ends here, behind the last admission: its instance is yet to start, and would be let in as "admitted before".
CREATE OR REPLACE FUNCTION lockstep.expire_before(p_contract integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.expire_overdue();
  UPDATE lockstep.session s SET state = 'expired', ended_at = clock_timestamp(), end_rule = 'override'
    FROM lockstep.concerned(p_contract) c
   WHERE c.overridden AND c.kind = 'session' AND s.session_id = c.id::uuid AND s.state = 'starting';
END $$;

-- Whom an override of this contract would be about: everybody it concerns, those of earlier ones too.
CREATE OR REPLACE FUNCTION lockstep.override_targets(p_contract integer) RETURNS TABLE (kind text, id text, name text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.kind, c.id, c.service || '@' || c.build || CASE c.kind WHEN 'session' THEN ' ' || c.instance ELSE '' END
    FROM lockstep.concerned(p_contract, true) c ORDER BY c.kind, c.id
$$;

-- What binds the act to the look: a hash over the contract, for how long, and exactly whom.
CREATE OR REPLACE FUNCTION lockstep.override_token(p_contract integer, p_for interval, p_kinds text[], p_ids text[], p_names text[])
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT left(encode(sha256(convert_to(jsonb_build_array('override', p_contract, extract(epoch FROM p_for)::bigint,
    to_jsonb(p_kinds), to_jsonb(p_ids), to_jsonb(p_names))::text, 'UTF8')), 'hex'), 16)
$$;

-- Lets contract p_contract run although it concerns the targets it concerns now, and nobody else, for p_for.
-- p_token: of the look before; LS042 when whom it concerns has changed since. LS043 when it concerns nobody,
-- LS044 when it is no contract that is yet to run. The fence, the order of migrations and `settled` hold.
CREATE OR REPLACE FUNCTION lockstep.override_make(p_epoch bigint, p_holder uuid, p_contract integer, p_for interval,
  p_token text, p_actor text, p_reason text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE kinds text[]; ids text[]; names text[]; made text := 'ov-' || left(replace(gen_random_uuid()::text, '-', ''), 12);
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;
  PERFORM 1 FROM lockstep.migration m WHERE m.version = p_contract AND m.phase = 'contract'
     AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = p_contract);
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS044', MESSAGE = format('%s is no contract that is yet to run', p_contract);
  END IF;
  SELECT array_agg(t.kind), array_agg(t.id), array_agg(t.name) INTO kinds, ids, names FROM lockstep.override_targets(p_contract) t;
  IF ids IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'LS043', MESSAGE = format('contract %s concerns nobody', p_contract),
      HINT = format('lockstep contract %s', p_contract);
  END IF;
  IF lockstep.override_token(p_contract, p_for, kinds, ids, names) IS DISTINCT FROM p_token THEN
    RAISE EXCEPTION USING ERRCODE = 'LS042', MESSAGE = format('whom contract %s concerns is not what was shown with that token', p_contract),
      HINT = format('look again: lockstep override contract %s', p_contract);
  END IF;
  INSERT INTO lockstep.override (override_id, contract, actor, reason, expires_at)
  VALUES (made, p_contract, p_actor, p_reason, clock_timestamp() + p_for);
  INSERT INTO lockstep.override_target (override_id, kind, id, name) SELECT made, t.* FROM unnest(kinds, ids, names) t;
  PERFORM lockstep.emit('overridden', p_contract, NULL, jsonb_build_object('override', made, 'for', p_for::text,
    'targets', to_jsonb(names), 'by', p_actor, 'reason', p_reason));
  RETURN made;
END $$;

-- Of close, when a contract has run: says how it got into the history. An override was used when one of its
-- targets still counted; a pin among them has lost what it kept, and ends. Sessions go on counting for
-- other contracts: a running instance is broken by this, and not gone.
CREATE OR REPLACE FUNCTION lockstep.use_override(p_contract integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record;
BEGIN
  UPDATE lockstep.override_target t SET broken = true FROM lockstep.override x, lockstep.concerned(p_contract) c
   WHERE x.override_id = t.override_id AND x.contract = p_contract AND x.used_at IS NULL AND x.expires_at > clock_timestamp()
     AND c.overridden AND c.kind = t.kind AND c.id = t.id;
  IF NOT FOUND THEN RETURN 'run'; END IF;
  FOR o IN UPDATE lockstep.override x SET used_at = clock_timestamp()
            WHERE x.contract = p_contract AND x.used_at IS NULL
              AND EXISTS (SELECT FROM lockstep.override_target t WHERE t.override_id = x.override_id AND t.broken)
           RETURNING x.override_id, x.actor, x.reason LOOP
    UPDATE lockstep.pin p SET ended_at = clock_timestamp(), end_rule = 'override' FROM lockstep.override_target t
     WHERE t.override_id = o.override_id AND t.kind = 'pin' AND t.broken AND p.pin_id = t.id AND p.ended_at IS NULL;
    PERFORM lockstep.emit('override_used', p_contract, NULL, jsonb_build_object('override', o.override_id, 'by', o.actor, 'reason', o.reason,
      'broken', (SELECT jsonb_agg(t.name ORDER BY t.kind, t.id) FROM lockstep.override_target t WHERE t.override_id = o.override_id AND t.broken)));
  END LOOP;
  RETURN 'override';
END $$;

-- The audit. What binds a row to the one before and to its own content; the same on every server version.
CREATE OR REPLACE FUNCTION lockstep.audit_hash(p_before bytea, p_number bigint, p_revision bigint, p_at timestamptz,
  p_action text, p_actor text, p_reason text, p_version integer, p_operation text, p_detail jsonb)
RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(p_before || convert_to(jsonb_build_array(p_number, p_revision, (extract(epoch FROM p_at) * 1000000)::bigint,
    p_action, p_actor, p_reason, p_version, p_operation, p_detail)::text, 'UTF8'))
$$;

-- Appends a decision; of emit, which keeps the chain row, so that rows come one by one.
CREATE OR REPLACE FUNCTION lockstep.audit_append(p_revision bigint, p_action text, p_version integer, p_operation text, p_detail jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE n bigint; before bytea; t timestamptz := clock_timestamp(); who text := p_detail ->> 'by'; why text := p_detail ->> 'reason';
        more jsonb := p_detail - 'by' - 'reason';
BEGIN
  SELECT a.number, a.hash INTO n, before FROM lockstep.audit a ORDER BY a.number DESC LIMIT 1;
  n := coalesce(n, 0) + 1;
  INSERT INTO lockstep.audit (number, revision, at, action, actor, reason, version, operation, detail, hash)
  VALUES (n, p_revision, t, p_action, coalesce(who, ''), coalesce(why, ''), p_version, p_operation, more,
    lockstep.audit_hash(coalesce(before, ''), n, p_revision, t, p_action, coalesce(who, ''), coalesce(why, ''), p_version, p_operation, more));
END $$;

-- Whether the audit is what was written: its rows are whole, in order and bound to each other, and every
-- decision in the event log has its row. p_expect: a hash that was noted earlier and must be in it; NULL
-- for none. Without one, whoever owns the schema can have written all of it anew.
CREATE OR REPLACE FUNCTION lockstep.audit_verify(p_expect bytea DEFAULT NULL)
RETURNS TABLE (records bigint, last_hash bytea, broken_at bigint, why text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT count(*) INTO records FROM lockstep.audit;
  SELECT a.hash INTO last_hash FROM lockstep.audit a ORDER BY a.number DESC LIMIT 1;
  SELECT x.number, CASE WHEN x.number <> x.place THEN 'a record before it is missing' ELSE 'it is not what was written' END
    INTO broken_at, why FROM (
    SELECT a.*, row_number() OVER w AS place, lag(a.hash, 1, ''::bytea) OVER w AS before
      FROM lockstep.audit a WINDOW w AS (ORDER BY a.number)) x
   WHERE x.number <> x.place OR x.hash IS DISTINCT FROM lockstep.audit_hash(x.before, x.number, x.revision, x.at,
     x.action, x.actor, x.reason, x.version, x.operation, x.detail)
   ORDER BY x.number LIMIT 1;
  IF why IS NULL THEN
    SELECT records + 1, format('event %s (%s by %s) has no record', e.revision, e.kind, e.detail ->> 'by') INTO broken_at, why
      FROM lockstep.event e WHERE e.detail ?& ARRAY['by', 'reason'] AND e.detail ->> 'by' <> 'lockstep'
       AND NOT EXISTS (SELECT FROM lockstep.audit a WHERE a.revision = e.revision AND a.action = e.kind) ORDER BY e.revision LIMIT 1;
  END IF;
  IF why IS NULL AND p_expect IS NOT NULL AND NOT EXISTS (SELECT FROM lockstep.audit a WHERE a.hash = p_expect) THEN
    broken_at := records + 1; why := 'the record with the hash that is expected is not in it';
  END IF;
  RETURN NEXT;
END $$;

-- Nobody changes or removes a record, not even by mistake.
CREATE OR REPLACE FUNCTION lockstep.audit_keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'LS045', MESSAGE = 'the audit is append-only';
END $$;
DROP TRIGGER IF EXISTS audit_keep ON lockstep.audit;
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON lockstep.audit FOR EACH STATEMENT EXECUTE FUNCTION lockstep.audit_keep();
ALTER TABLE lockstep.audit ENABLE ALWAYS TRIGGER audit_keep;
