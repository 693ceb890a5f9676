-- Tables come, go and change as a whole.

-- form: create-table
CREATE TABLE z (id int);

-- form: create-table-that-exists
CREATE TABLE IF NOT EXISTS t (id int);

-- form: create-table-references
CREATE TABLE z (id int, p_id bigint REFERENCES p (id));

-- form: create-table-references-at-the-end
CREATE TABLE z (id int, p_id bigint, FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE);

-- form: create-table-references-partitioned
CREATE TABLE z (id int, k int REFERENCES dpt (k));

-- form: create-table-like
CREATE TABLE z (LIKE t INCLUDING ALL);

-- form: create-table-as
CREATE TABLE z AS SELECT * FROM t;

-- form: create-table-as-no-data
CREATE TABLE z AS SELECT * FROM t WITH NO DATA;

-- form: select-into
SELECT id INTO z FROM t;

-- form: create-temp-table
CREATE TEMP TABLE z (id int) ON COMMIT DROP;

-- form: create-table-inherits
CREATE TABLE z (y int) INHERITS (par);

-- form: create-table-of-type
CREATE TABLE z OF comp;

-- form: create-table-serial
CREATE TABLE z (id bigserial PRIMARY KEY, at timestamptz DEFAULT now());

-- form: create-table-default-nextval
CREATE TABLE z (id bigint DEFAULT nextval('sq'));

-- form: create-partition
CREATE TABLE z PARTITION OF pt FOR VALUES FROM (5000) TO (6000);

-- form: create-partition-beside-default
CREATE TABLE z PARTITION OF dpt FOR VALUES FROM (5000) TO (6000);

-- form: create-default-partition
CREATE TABLE z PARTITION OF pt DEFAULT;

-- form: attach-partition
ALTER TABLE pt ATTACH PARTITION pnew FOR VALUES FROM (2000) TO (3000);

-- form: attach-partition-checked
ALTER TABLE pt ATTACH PARTITION pchecked FOR VALUES FROM (2000) TO (3000);

-- form: attach-partition-unvalidated-check
-- setup: ALTER TABLE pnew ADD CHECK (k IS NOT NULL AND k >= 2000 AND k < 3000) NOT VALID
ALTER TABLE pt ATTACH PARTITION pnew FOR VALUES FROM (2000) TO (3000);

-- form: attach-partition-beside-default
ALTER TABLE dpt ATTACH PARTITION dnew FOR VALUES FROM (2000) TO (3000);

-- form: attach-partition-default-excludes
-- setup: ALTER TABLE dptd ADD CHECK (k IS NOT NULL AND k >= 1000 AND k < 2000)
ALTER TABLE dpt ATTACH PARTITION dnew FOR VALUES FROM (2000) TO (3000);

-- form: attach-default-partition
ALTER TABLE pt ATTACH PARTITION pnew DEFAULT;

-- form: attach-partition-builds-index
-- setup: CREATE INDEX pt_v ON pt (v)
ALTER TABLE pt ATTACH PARTITION pnew FOR VALUES FROM (2000) TO (3000);

-- form: attach-partition-has-index
-- setup: CREATE INDEX pt_v ON pt (v); CREATE INDEX pnew_v ON pnew (v)
ALTER TABLE pt ATTACH PARTITION pnew FOR VALUES FROM (2000) TO (3000);

-- form: detach-partition
ALTER TABLE pt DETACH PARTITION pt2;

-- form: detach-partition-referenced
ALTER TABLE dpt DETACH PARTITION dpt1;

-- form: detach-partition-beside-default
-- setup: DROP TABLE cpt
ALTER TABLE dpt DETACH PARTITION dpt1;

-- form: drop-partition
DROP TABLE pt2;

-- form: drop-partition-beside-default
-- setup: DROP TABLE cpt
DROP TABLE dpt1;

-- form: drop-partitioned-table
DROP TABLE pt;

-- form: drop-table
-- expects: 2BP01
DROP TABLE t;

-- form: drop-table-alone
DROP TABLE t2;

-- form: drop-table-cascade
DROP TABLE t CASCADE;

-- form: drop-table-referencing
DROP TABLE c;

-- form: drop-table-referenced-cascade
DROP TABLE p CASCADE;

-- form: drop-table-inheritance-parent-cascade
DROP TABLE par CASCADE;

-- form: drop-table-inheritance-child
DROP TABLE chi;

-- form: drop-table-two
DROP TABLE et, t2;

-- form: drop-table-published
DROP TABLE c, p CASCADE;

-- form: drop-table-with-sequence
DROP TABLE g;

-- form: drop-table-missing-if-exists
DROP TABLE IF EXISTS nope;

-- form: rename-table
ALTER TABLE t RENAME TO t_old;

-- form: rename-partitioned
ALTER TABLE pt RENAME TO pt_old;

-- form: set-schema
ALTER TABLE t SET SCHEMA public;

-- form: set-schema-with-sequence
ALTER TABLE g SET SCHEMA public;

-- form: set-schema-partitioned
ALTER TABLE pt SET SCHEMA public;

-- form: owner
ALTER TABLE t OWNER TO lab_role;

-- form: owner-with-sequence
ALTER TABLE g OWNER TO lab_role;

-- form: owner-already
ALTER TABLE c2 OWNER TO lab_role;

-- form: owner-partitioned
ALTER TABLE pt OWNER TO lab_role;

-- form: set-unlogged
ALTER TABLE rls SET UNLOGGED;

-- form: set-unlogged-indexed
ALTER TABLE c2 SET UNLOGGED;

-- form: set-logged
-- setup: ALTER TABLE rls SET UNLOGGED
ALTER TABLE rls SET LOGGED;

-- form: set-logged-already
ALTER TABLE rls SET LOGGED;

-- form: set-tablespace
ALTER TABLE t SET TABLESPACE pg_default;

-- form: set-access-method
-- from: 15
ALTER TABLE t SET ACCESS METHOD heap;

-- form: set-fillfactor
ALTER TABLE t SET (fillfactor = 80);

-- form: set-autovacuum-option
ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.02);

-- form: set-toast-option
ALTER TABLE t SET (toast.autovacuum_enabled = false);

-- form: set-toast-tuple-target
ALTER TABLE t SET (toast_tuple_target = 512);

-- form: set-parallel-workers
ALTER TABLE t SET (parallel_workers = 2);

-- form: set-user-catalog-table
ALTER TABLE t SET (user_catalog_table = true);

-- form: set-vacuum-index-cleanup
ALTER TABLE t SET (vacuum_index_cleanup = off);

-- form: reset-fillfactor
ALTER TABLE t RESET (fillfactor);

-- form: cluster-on
ALTER TABLE t CLUSTER ON t_n_idx;

-- form: set-without-cluster
ALTER TABLE t SET WITHOUT CLUSTER;

-- form: set-without-oids
ALTER TABLE t SET WITHOUT OIDS;

-- form: cluster
CLUSTER t USING t_n_idx;

-- form: replica-identity-full
ALTER TABLE t REPLICA IDENTITY FULL;

-- form: replica-identity-default
ALTER TABLE t REPLICA IDENTITY DEFAULT;

-- form: replica-identity-index
ALTER TABLE t REPLICA IDENTITY USING INDEX t_nn_uidx;

-- form: inherit
ALTER TABLE par2 INHERIT par;

-- form: no-inherit
ALTER TABLE chi NO INHERIT par;

-- form: of-type
-- setup: CREATE TABLE likecomp (a int, b text)
ALTER TABLE likecomp OF comp;

-- form: not-of-type
ALTER TABLE oft NOT OF;

-- form: truncate
TRUNCATE rls;

-- form: truncate-indexed
TRUNCATE c2;

-- form: truncate-referenced
-- expects: 0A000
TRUNCATE p;

-- form: truncate-cascade
TRUNCATE p CASCADE;

-- form: truncate-partitioned
TRUNCATE pt;

-- form: truncate-partitioned-indexed
TRUNCATE dpt, cpt;

-- form: truncate-inheritance-parent
TRUNCATE par;

-- form: truncate-only
TRUNCATE ONLY par;

-- form: truncate-restart-identity
TRUNCATE g RESTART IDENTITY;

-- form: lock-table
LOCK TABLE t;

-- form: lock-table-mode
LOCK TABLE t IN SHARE MODE;

-- form: lock-table-partitioned
LOCK TABLE pt IN SHARE ROW EXCLUSIVE MODE;

-- form: lock-view
LOCK TABLE vt IN SHARE MODE;

-- form: alter-weak-and-strong
ALTER TABLE t ALTER COLUMN n SET STATISTICS 100, ADD COLUMN z int;

-- form: alter-only-weak
ALTER TABLE t ALTER COLUMN n SET STATISTICS 100, SET (fillfactor = 90);

-- form: alter-validate-and-set-not-null
-- setup: ALTER TABLE t ADD CONSTRAINT proof CHECK (n IS NOT NULL) NOT VALID
ALTER TABLE t VALIDATE CONSTRAINT proof, ALTER COLUMN n SET NOT NULL;

-- form: alter-rewrite-and-check
ALTER TABLE t ALTER COLUMN n TYPE bigint, ADD CONSTRAINT ck CHECK (big > 0);

-- form: alter-rewrite-and-drop-index-column
ALTER TABLE t ADD COLUMN z float8 DEFAULT random(), DROP COLUMN six;

-- form: alter-many
ALTER TABLE t ADD COLUMN z int DEFAULT 1, DROP COLUMN txt, ALTER COLUMN n SET DEFAULT 5, ALTER COLUMN nn DROP NOT NULL;
