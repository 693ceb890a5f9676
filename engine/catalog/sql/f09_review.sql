-- What the safety analysis decides about a published migration that has not run. A phase is decided
-- when it is published; before an upgrade it is looked at again, because what was new then may be in
-- use now. Only ever to the stronger: an expand that turned out to be a contract waits for the fleet.
-- False when it has run, or when nothing would change.
CREATE OR REPLACE FUNCTION lockstep.judge_migration(p_epoch bigint, p_holder uuid, p_version integer,
  p_phase text, p_waits_for integer[], p_touches text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record; phases CONSTANT text[] := ARRAY['neutral', 'expand', 'data', 'contract'];
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  LOCK TABLE lockstep.gate_lock IN EXCLUSIVE MODE;  -- Who is admitted sees the old phase or the new one.
  SELECT x.applied, x.inflight INTO c FROM lockstep.chain x FOR UPDATE;
  IF c.inflight IS NOT NULL AND p_version <= c.inflight THEN RETURN false; END IF;  -- A run of it may be under way.
  UPDATE lockstep.migration m
     SET phase = CASE WHEN array_position(phases, p_phase) > array_position(phases, m.phase) THEN p_phase ELSE m.phase END,
         waits_for = ARRAY(SELECT DISTINCT w FROM unnest(m.waits_for || p_waits_for) w ORDER BY w),
         touches = p_touches
   WHERE m.version = p_version AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
     AND (array_position(phases, p_phase) > array_position(phases, m.phase) OR NOT m.waits_for @> p_waits_for);
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit('judged', p_version, NULL, jsonb_build_object('phase', p_phase, 'waits_for', p_waits_for));
  RETURN true;
END $$;
