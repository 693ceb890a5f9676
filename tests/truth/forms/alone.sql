-- What cannot run in a transaction block. With a blocker the statement is made to wait and looked at
-- while it does; "alone" means that it is otherwise only offered to an open transaction.

-- form: create-index-concurrently
-- blocker: INSERT INTO t (id, nn) VALUES (90001, 90001)
CREATE INDEX CONCURRENTLY zi ON t (txt);

-- form: create-unique-index-concurrently
-- blocker: INSERT INTO t (id, nn) VALUES (90001, 90001)
CREATE UNIQUE INDEX CONCURRENTLY zi ON t (n);

-- form: drop-index-concurrently
-- blocker: SELECT count(*) FROM t
DROP INDEX CONCURRENTLY t_n_idx;

-- form: reindex-index-concurrently
-- blocker: INSERT INTO t (id, nn) VALUES (90001, 90001)
REINDEX INDEX CONCURRENTLY t_n_idx;

-- form: reindex-table-concurrently
-- blocker: INSERT INTO t (id, nn) VALUES (90001, 90001)
REINDEX TABLE CONCURRENTLY t;

-- form: detach-concurrently
-- from: 14
-- blocker: SELECT count(*) FROM pt
-- blocker: LOCK TABLE pt IN SHARE UPDATE EXCLUSIVE MODE
-- blocker: LOCK TABLE pt2 IN SHARE UPDATE EXCLUSIVE MODE
ALTER TABLE pt DETACH PARTITION pt2 CONCURRENTLY;

-- form: vacuum
-- blocker: LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE
VACUUM t;

-- form: vacuum-analyze
-- blocker: LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE
VACUUM (ANALYZE) t;

-- form: vacuum-full
-- blocker: SELECT count(*) FROM t
VACUUM FULL t;

-- form: vacuum-everything
-- blocker: LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE
VACUUM;

-- form: reindex-partitioned
-- from: 14
-- blocker: INSERT INTO dpt VALUES (-1, 1)
REINDEX TABLE dpt;

-- form: reindex-schema
-- blocker: INSERT INTO t (id, nn) VALUES (90001, 90001)
REINDEX SCHEMA lab;

-- form: cluster-everything
-- setup: CLUSTER c2 USING c2_pkey
-- blocker: SELECT count(*) FROM c2
CLUSTER;

-- form: create-database
-- alone
CREATE DATABASE lab_x;

-- form: drop-database
-- alone
DROP DATABASE lab_none;

-- form: drop-database-if-exists
-- alone
DROP DATABASE IF EXISTS lab_none;

-- form: database-set-tablespace
-- alone
ALTER DATABASE template1 SET TABLESPACE pg_default;

-- form: database-set
ALTER DATABASE postgres SET work_mem = '4MB';

-- form: create-tablespace
-- alone
CREATE TABLESPACE lab_ts LOCATION '/nonexistent';

-- form: drop-tablespace
-- alone
DROP TABLESPACE lab_none;

-- form: alter-system
-- alone
ALTER SYSTEM SET work_mem = '4MB';

-- form: reindex-database
-- alone
REINDEX DATABASE postgres;

-- form: reindex-system
-- alone
REINDEX SYSTEM postgres;

-- form: reindex-schema-concurrently
-- alone
REINDEX SCHEMA CONCURRENTLY lab;

-- form: create-subscription
-- alone
CREATE SUBSCRIPTION zs CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p;

-- form: create-subscription-not-connected
CREATE SUBSCRIPTION zs CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false);

-- form: detach-finalize
-- from: 14
-- expects: 55000
ALTER TABLE pt DETACH PARTITION pt2 FINALIZE;

-- form: discard-all
-- alone
DISCARD ALL;

-- form: discard-plans
DISCARD PLANS;

-- form: checkpoint
CHECKPOINT;

-- form: listen
LISTEN x;

-- form: notify
NOTIFY x;

-- form: load
LOAD 'plpgsql';

-- form: do-block-commit
-- expects: 2D000
DO $$BEGIN COMMIT; END$$;

-- form: call-commits
-- expects: 2D000
CREATE PROCEDURE pc() LANGUAGE plpgsql AS $$BEGIN COMMIT; END$$;
CALL pc();
