-- Operations: what release tooling asked for. One of a kind runs at a time; whichever it is for, one run at a
-- time is granted.

-- Starts an operation, or returns the one that the same request started before. LS014 when the request
-- id was used for another request, LS013 (its id as detail) while another operation of its kind runs.
CREATE OR REPLACE FUNCTION lockstep.operation_start(p_epoch bigint, p_holder uuid, p_operation text,
  p_request text, p_request_digest bytea, p_kind text, p_target integer, p_contracts boolean, p_actor text, p_reason text,
  p_terminate_idle interval DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record; a integer;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  -- One start at a time: a repeated request waits for the first one and then finds its operation.
  SELECT c.applied INTO a FROM lockstep.chain c FOR NO KEY UPDATE;
  SELECT x.operation_id, x.request_digest INTO o FROM lockstep.operation x WHERE x.request_id = p_request;
  IF FOUND THEN
    IF o.request_digest <> p_request_digest THEN
      RAISE EXCEPTION USING ERRCODE = 'LS014', MESSAGE = format('request id %s was used for another request', p_request);
    END IF;
    RETURN o.operation_id;
  END IF;
  SELECT x.operation_id INTO o FROM lockstep.operation x
   WHERE x.kind = p_kind AND x.state IN ('running', 'paused', 'cancelling');
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS013', MESSAGE = format('operation %s is running', o.operation_id), DETAIL = o.operation_id;
  END IF;
  INSERT INTO lockstep.operation (operation_id, request_id, request_digest, kind, state, target, contracts, start_version, actor, reason, terminate_idle)
  VALUES (p_operation, p_request, p_request_digest, p_kind, 'running', p_target, p_contracts, a, p_actor, p_reason, p_terminate_idle);
  PERFORM lockstep.emit('operation_started', NULL, p_operation, jsonb_strip_nulls(jsonb_build_object(
    'target', p_target, 'by', p_actor, 'reason', p_reason, 'terminate_idle_seconds', extract(epoch FROM p_terminate_idle))));
  RETURN p_operation;
END $$;

-- Ends an operation, and with it its barrier; a no-op on one that has ended.
CREATE OR REPLACE FUNCTION lockstep.operation_end(p_epoch bigint, p_holder uuid, p_operation text, p_state text, p_error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As a grant does: chain first, then operation.
  UPDATE lockstep.operation o SET state = p_state, ended_at = clock_timestamp(), error = p_error
   WHERE o.operation_id = p_operation AND o.state IN ('running', 'paused', 'cancelling');
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM lockstep.emit('operation_' || p_state, NULL, p_operation, p_error);
  PERFORM lockstep.barrier_drop(p_operation, p_state, p_error ->> 'message');
  RETURN true;
END $$;

-- Remembers what the last attempt met and when to try again.
CREATE OR REPLACE FUNCTION lockstep.operation_defer(p_epoch bigint, p_holder uuid, p_operation text, p_delay interval, p_error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  UPDATE lockstep.operation o SET not_before = clock_timestamp() + p_delay, error = p_error
   WHERE o.operation_id = p_operation AND o.state IN ('running', 'paused');
  RETURN FOUND;
END $$;

-- Asks an operation to stop; idempotent. LS015 when there is no such operation.
CREATE OR REPLACE FUNCTION lockstep.operation_cancel(p_epoch bigint, p_holder uuid, p_operation text, p_actor text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As a grant does: chain first, then operation.
  UPDATE lockstep.operation o SET state = 'cancelling'
   WHERE o.operation_id = p_operation AND o.state IN ('running', 'paused');
  IF FOUND THEN
    PERFORM lockstep.emit('operation_cancelling', NULL, p_operation, jsonb_build_object('by', p_actor, 'reason', p_reason));
    RETURN true;
  END IF;
  PERFORM 1 FROM lockstep.operation o WHERE o.operation_id = p_operation;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS015', MESSAGE = format('there is no operation %s', p_operation);
  END IF;
  RETURN false;
END $$;

-- Pauses an operation, or lets it go on, at once and with nothing held against it that failed before: from here on, respectively no longer, grant_run refuses it
-- runs. Idempotent; changes nothing of one that has ended or is asked to stop. LS015 when there is no
-- such operation.
CREATE OR REPLACE FUNCTION lockstep.operation_pause(p_epoch bigint, p_holder uuid, p_operation text, p_paused boolean,
  p_actor text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As a grant does: chain first, then operation.
  UPDATE lockstep.operation o SET state = CASE WHEN p_paused THEN 'paused' ELSE 'running' END,
    not_before = CASE WHEN p_paused THEN o.not_before END,
    resumed_at = CASE WHEN p_paused THEN o.resumed_at ELSE clock_timestamp() END
   WHERE o.operation_id = p_operation AND o.state = CASE WHEN p_paused THEN 'running' ELSE 'paused' END;
  IF FOUND THEN
    PERFORM lockstep.emit(CASE WHEN p_paused THEN 'operation_paused' ELSE 'operation_resumed' END, NULL, p_operation,
      jsonb_build_object('by', p_actor, 'reason', p_reason));
    RETURN true;
  END IF;
  PERFORM 1 FROM lockstep.operation o WHERE o.operation_id = p_operation;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS015', MESSAGE = format('there is no operation %s', p_operation);
  END IF;
  RETURN false;
END $$;

-- Lets an operation that failed or was cancelled go on where it stopped. Idempotent; changes nothing of
-- one that runs, is held, is asked to stop or has succeeded. LS013 (its id as detail) while another one of
-- its kind runs, LS015 when there is no such operation.
CREATE OR REPLACE FUNCTION lockstep.operation_retry(p_epoch bigint, p_holder uuid, p_operation text, p_actor text, p_reason text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE o record; other text;
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM 1 FROM lockstep.chain c FOR NO KEY UPDATE;  -- As a grant does: chain first, then operation.
  SELECT x.state, x.kind INTO o FROM lockstep.operation x WHERE x.operation_id = p_operation;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS015', MESSAGE = format('there is no operation %s', p_operation);
  END IF;
  IF o.state NOT IN ('failed', 'cancelled') THEN RETURN false; END IF;
  SELECT x.operation_id INTO other FROM lockstep.operation x
   WHERE x.kind = o.kind AND x.state IN ('running', 'paused', 'cancelling');
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS013', MESSAGE = format('operation %s is running', other), DETAIL = other;
  END IF;
  UPDATE lockstep.operation x SET state = 'running', ended_at = NULL, not_before = NULL, error = NULL,
    retries = x.retries + 1, resumed_at = clock_timestamp(), deadline = clock_timestamp() + x.deadline_after, quiet_since = NULL
   WHERE x.operation_id = p_operation;
  PERFORM lockstep.emit('operation_retried', NULL, p_operation, jsonb_build_object('by', p_actor, 'reason', p_reason));
  RETURN true;
END $$;
