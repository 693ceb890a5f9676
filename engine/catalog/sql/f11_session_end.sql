-- How sessions end that say no goodbye. A session stops counting only through a committed transition, and
-- here are all of them but the goodbye (session_move) and the end of a reservation (expire_overdue). Each
-- is a guarded statement of a fenced leader, and its zero rows mean that the rule does not apply.

-- What an event tells of a session.
CREATE OR REPLACE FUNCTION lockstep.session_facts(p_session uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('service', s.service, 'instance', s.instance, 'session', s.session_id, 'build', s.build)
    FROM lockstep.session s WHERE s.session_id = p_session
$$;

-- Marks an admitted session as suspect, which counts on. p_silence: for how long the leader has not heard
-- it, by the leader's own clock. False when it is suspect already, or has ended.
CREATE OR REPLACE FUNCTION lockstep.session_suspect(p_epoch bigint, p_holder uuid, p_session uuid, p_silence interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- Chain first, as everybody who locks both.
  UPDATE lockstep.session s SET state = 'suspect', silent_since = clock_timestamp() - p_silence
   WHERE s.session_id = p_session AND s.state IN ('live', 'draining') AND s.admitted_at IS NOT NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit('session_suspect', NULL, NULL, lockstep.session_facts(p_session));
  RETURN true;
END $$;

-- Notes that a newer start of the same instance said hello when the older one was heard no more. Not for a
-- reservation, which is no start. That two starts were heard side by side is the caller's to exclude.
CREATE OR REPLACE FUNCTION lockstep.session_superseded(p_epoch bigint, p_holder uuid, p_session uuid, p_newer uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.session s SET superseded_by = n.session_id FROM lockstep.session n
   WHERE s.session_id = p_session AND n.session_id = p_newer AND s.state IN ('live', 'draining', 'suspect')
     AND n.service = s.service AND n.instance = s.instance AND n.nonce <> s.nonce AND n.state <> 'starting';
  RETURN FOUND;
END $$;

-- Records that p_by states that the process of a silent session is gone. It becomes suspect, and counts on
-- until session_expire ends it. False when it does not count (any more).
CREATE OR REPLACE FUNCTION lockstep.session_attest(p_epoch bigint, p_holder uuid, p_session uuid, p_silence interval,
  p_by text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  IF coalesce(p_by, '') = '' OR coalesce(p_reason, '') = '' THEN
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'an attestation names who states it and why';
  END IF;
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;
  UPDATE lockstep.session s SET state = 'suspect', silent_since = coalesce(s.silent_since, clock_timestamp() - p_silence),
    attested_at = clock_timestamp(), attested_by = p_by, attest_reason = p_reason
   WHERE s.session_id = p_session AND s.state IN ('live', 'draining', 'suspect') AND s.admitted_at IS NOT NULL;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit('session_attested', NULL, NULL,
    lockstep.session_facts(p_session) || jsonb_build_object('by', p_by, 'reason', p_reason));
  RETURN true;
END $$;

-- Ends a session by a rule, and says in its event which. What the leader's memory knows (for how long it
-- was silent, that no backend of it was seen) is the caller's; here is what the row must say:
--   ttl          it stops itself, and a leader has heard it. Never one that keeps serving, nor one that
--                came in without a leader: nobody knows when those were last heard.
--   newer start  it is suspect, and a newer start of it is registered
--   attested     it is suspect, and somebody stated that it is gone
--   policy       it is suspect, and it and its backends are silent for p_after
CREATE OR REPLACE FUNCTION lockstep.session_expire(p_epoch bigint, p_holder uuid, p_session uuid, p_rule text, p_after interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r record;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;
  UPDATE lockstep.session s SET state = 'expired', ended_at = clock_timestamp(), end_rule = p_rule
   WHERE s.session_id = p_session AND s.state IN ('live', 'draining', 'suspect') AND s.admitted_at IS NOT NULL
     AND CASE p_rule
       WHEN 'ttl' THEN s.on_session_loss = 'stop' AND s.via = 'coordinator'
       WHEN 'newer start' THEN s.state = 'suspect' AND s.superseded_by IS NOT NULL
       WHEN 'attested' THEN s.state = 'suspect' AND s.attested_at IS NOT NULL
       WHEN 'policy' THEN s.state = 'suspect'
         AND greatest(s.silent_since, s.backend_seen_at) <= clock_timestamp() - p_after
       ELSE false END
  RETURNING s.attested_by, s.attest_reason, s.superseded_by INTO r;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit('session_expired', NULL, NULL, lockstep.session_facts(p_session) || jsonb_build_object(
    'rule', p_rule, 'by', CASE p_rule WHEN 'attested' THEN r.attested_by ELSE 'lockstep' END,
    'reason', CASE p_rule WHEN 'attested' THEN r.attest_reason
      WHEN 'ttl' THEN 'not heard for the session TTL; it stops itself before that'
      WHEN 'newer start' THEN format('the instance was started again as %s', r.superseded_by)
      ELSE format('neither it nor a backend of it was seen for %s', p_after) END));
  RETURN true;
END $$;

-- Remembers that backends of suspect sessions are there; leaders do this rarely.
CREATE OR REPLACE FUNCTION lockstep.session_backends_seen(p_epoch bigint, p_holder uuid, p_sessions uuid[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.session s SET backend_seen_at = clock_timestamp()
   WHERE s.session_id = ANY (p_sessions) AND s.state = 'suspect';
END $$;

-- Tells that so many sessions fell silent at once that none is expired, or that this is over.
CREATE OR REPLACE FUNCTION lockstep.expiry_brake(p_epoch bigint, p_holder uuid, p_frozen boolean, p_silent integer, p_sessions integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM lockstep.emit(CASE WHEN p_frozen THEN 'expiry_frozen' ELSE 'expiry_resumed' END, NULL, NULL,
    jsonb_build_object('silent', p_silent, 'sessions', p_sessions));
END $$;

-- For each new connection of a pool, before its first query: LS030 unless the session counts. An instance
-- that was cut off or stood still may have been given up meanwhile; it then has to ask the gate again.
CREATE OR REPLACE FUNCTION lockstep.check_session(p_session uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE st text;
BEGIN
  SELECT s.state INTO st FROM lockstep.session s WHERE s.session_id = p_session;
  IF st IN ('starting', 'live', 'draining', 'suspect') THEN RETURN; END IF;
  RAISE EXCEPTION USING ERRCODE = 'LS030',
    MESSAGE = format('session %s %s', p_session, CASE WHEN st IS NULL THEN 'is not registered'
      WHEN st IN ('closed', 'expired') THEN 'has ended' ELSE 'waits at the gate' END),
    HINT = 'stop using the database and ask the gate again: start the instance anew';
END $$;
