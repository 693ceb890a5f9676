-- Who is in the way of a lock. Read only, but for the last function. What other sessions do is visible
-- to the owner of these functions (pg_read_all_stats), not to those who call them, and they are told of
-- nobody but those in their own way. Where lockstep's own roles could not be created, the sessions of
-- other roles show nothing but pid, role and application_name.

-- What is told of sessions. Pid 0 stands for prepared transactions, which no session has.
CREATE OR REPLACE FUNCTION lockstep.sessions_of(p_pids integer[])
RETURNS TABLE (pid integer, backend_start bigint, transaction_start bigint, role text, application_name text, state text,
  transaction_age double precision, state_age double precision, query text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pid, coalesce(extract(epoch FROM a.backend_start) * 1000000, 0)::bigint,
         coalesce(extract(epoch FROM a.xact_start) * 1000000, 0)::bigint, coalesce(a.usename, a.backend_type, '')::text,
         coalesce(a.application_name, ''), coalesce(a.state, ''),
         coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::double precision,
         coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::double precision,
         CASE WHEN a.backend_start IS NULL THEN '' ELSE left(a.query, 400) END
    FROM pg_stat_activity a WHERE a.pid = ANY (p_pids)
  UNION ALL
  SELECT 0, 0, (extract(epoch FROM x.prepared) * 1000000)::bigint, x.owner::text, '', 'prepared',
         extract(epoch FROM clock_timestamp() - x.prepared)::double precision,
         extract(epoch FROM clock_timestamp() - x.prepared)::double precision, x.gid
    FROM pg_prepared_xacts x WHERE 0 = ANY (p_pids) AND x.database = current_database()
$$;

-- What a backend of the caller's own role waits for, and for whom, the oldest transaction first. No row
-- when it does not wait for a lock. A row's lock is told by its table, as far as that is known.
CREATE OR REPLACE FUNCTION lockstep.lock_wait(p_pid integer)
RETURNS TABLE (relation text, mode text, pid integer, backend_start bigint, transaction_start bigint, role text,
  application_name text, state text, transaction_age double precision, state_age double precision, query text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE w record;
BEGIN
  PERFORM 1 FROM pg_stat_activity a WHERE a.pid = p_pid AND a.usename = session_user AND a.wait_event_type = 'Lock';
  IF NOT FOUND THEN RETURN; END IF;
  SELECT l.mode, coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), '') AS what INTO w
    FROM pg_locks l
    LEFT JOIN pg_class c ON c.oid = coalesce(l.relation,
      (SELECT t.relation FROM pg_locks t WHERE t.pid = p_pid AND t.locktype = 'tuple' LIMIT 1))
    LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE l.pid = p_pid AND NOT l.granted LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY SELECT w.what, w.mode, s.*
    FROM lockstep.sessions_of(pg_blocking_pids(p_pid)) s ORDER BY s.transaction_age DESC, s.pid;
END $$;

-- Whether somebody who asks for mode p_wanted waits for who holds p_held (docs of LOCK TABLE).
CREATE OR REPLACE FUNCTION lockstep.lock_modes_conflict(p_wanted text, p_held text)
RETURNS boolean LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE p_wanted
    WHEN 'AccessShareLock' THEN p_held = 'AccessExclusiveLock'
    WHEN 'RowShareLock' THEN p_held IN ('ExclusiveLock', 'AccessExclusiveLock')
    WHEN 'RowExclusiveLock' THEN p_held NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock')
    WHEN 'ShareUpdateExclusiveLock' THEN p_held NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
    WHEN 'ShareLock' THEN p_held NOT IN ('AccessShareLock', 'RowShareLock', 'ShareLock')
    WHEN 'ShareRowExclusiveLock' THEN p_held NOT IN ('AccessShareLock', 'RowShareLock')
    WHEN 'ExclusiveLock' THEN p_held <> 'AccessShareLock'
    ELSE true END
$$;

-- Sessions whose transaction is older than p_older and holds a lock that conflicts with what the caller
-- is going to ask for: p_modes[i] on p_relations[i]. The oldest first, each once.
CREATE OR REPLACE FUNCTION lockstep.lock_holders(p_relations oid[], p_modes text[], p_older interval)
RETURNS TABLE (relation text, mode text, pid integer, backend_start bigint, transaction_start bigint, role text,
  application_name text, state text, transaction_age double precision, state_age double precision, query text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.relation, h.mode, s.*
    FROM (SELECT DISTINCT ON (l.pid) l.pid, format('%I.%I', n.nspname, c.relname) AS relation, r.mode
            FROM unnest(p_relations, p_modes) r(relation, mode)
            JOIN pg_locks l ON l.relation = r.relation AND l.granted AND l.pid <> pg_backend_pid()
             AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
             AND lockstep.lock_modes_conflict(r.mode, l.mode)
            JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
           ORDER BY l.pid, relation) h,
         LATERAL lockstep.sessions_of(ARRAY[h.pid]) s
   WHERE s.transaction_age * interval '1 second' >= p_older ORDER BY s.transaction_age DESC, s.pid
$$;

-- How long the oldest transaction of other sessions in this database has been open, in seconds; NULL
-- when there is none. What is younger than p at a time was younger than p at every time before it.
CREATE OR REPLACE FUNCTION lockstep.oldest_transaction()
RETURNS double precision LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT extract(epoch FROM clock_timestamp() - min(a.xact_start))::double precision
    FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
$$;

-- Records that a session was ended because an operation asked for it.
CREATE OR REPLACE FUNCTION lockstep.blocker_terminated(p_epoch bigint, p_holder uuid, p_operation text, p_version integer, p_detail jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM lockstep.leader_fence(p_epoch, p_holder);
  PERFORM lockstep.emit('blocker_terminated', nullif(p_version, 0), p_operation, p_detail);
END $$;
