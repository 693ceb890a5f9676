-- Publishing: appends one migration by compare-and-set on the head. Runs inside a leader transaction
-- of the caller, which publishes all of a request or nothing.
CREATE OR REPLACE FUNCTION lockstep.publish_migration(p_epoch bigint, p_holder uuid, p_parent_hash bytea,
  p_version integer, p_title text, p_phase text, p_transactional boolean, p_waits_for integer[],
  p_needs_backfill text[], p_sql bytea, p_digest bytea, p_algorithm text, p_chain_hash bytea, p_actor text,
  p_sharing text DEFAULT 'alone', p_touches text[] DEFAULT NULL, p_allowed jsonb DEFAULT '[]')
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  -- The zero rows of this update are the conflict: somebody else moved the head.
  UPDATE lockstep.chain c SET head = p_version, chain_hash = p_chain_hash
   WHERE c.head = p_version - 1 AND c.chain_hash = p_parent_hash;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS012', MESSAGE = 'the published chain has moved on';
  END IF;
  INSERT INTO lockstep.migration (version, title, phase, transactional, waits_for, needs_backfill, sql,
    digest, digest_algorithm, chain_hash, published_by, sharing, touches)
  VALUES (p_version, p_title, p_phase, p_transactional, p_waits_for, p_needs_backfill, p_sql, p_digest,
    p_algorithm, p_chain_hash, p_actor, p_sharing, p_touches);
  PERFORM lockstep.emit('published', p_version, NULL, jsonb_build_object('title', p_title, 'by', p_actor)
    || CASE WHEN p_allowed = '[]' THEN '{}' ELSE jsonb_build_object('allowed', p_allowed) END);
END $$;

-- Publishes a data job. True when it is new or corrected; LS012 when it was started with other content.
CREATE OR REPLACE FUNCTION lockstep.publish_backfill(p_epoch bigint, p_holder uuid, p_name text,
  p_after integer, p_sql bytea, p_digest bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  INSERT INTO lockstep.backfill AS b (name, after, sql, digest) VALUES (p_name, p_after, p_sql, p_digest)
  -- What has never been started may be corrected.
  ON CONFLICT (name) DO UPDATE SET after = p_after, sql = p_sql, digest = p_digest, published_at = clock_timestamp()
   WHERE b.run = 0 AND b.digest <> p_digest;
  IF FOUND THEN
    PERFORM lockstep.emit('backfill_published', NULL, NULL, jsonb_build_object('name', p_name));
    RETURN true;
  END IF;
  PERFORM 1 FROM lockstep.backfill b WHERE b.name = p_name AND b.digest = p_digest;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'LS012', MESSAGE = format('backfill %s was started with other content', p_name);
  END IF;
  RETURN false;
END $$;
