-- Indexes, statistics objects and what maintains them.

-- form: create-index
CREATE INDEX zi ON t (txt);

-- form: create-index-expression
CREATE INDEX zi ON t (lower(txt)) WHERE b;

-- form: create-index-unnamed
CREATE INDEX ON t (plain);

-- form: create-unique-index
CREATE UNIQUE INDEX zi ON t (n);

-- form: create-index-that-exists
CREATE INDEX IF NOT EXISTS t_n_idx ON t (n);

-- form: create-index-partitioned
CREATE INDEX zi ON pt (v);

-- form: create-index-only-partitioned
CREATE INDEX zi ON ONLY pt (v);

-- form: create-index-inheritance-parent
CREATE INDEX zi ON par (x);

-- form: create-index-matview
CREATE INDEX zi ON mv (v);

-- form: attach-index
-- setup: CREATE INDEX zi ON ONLY pt (v); CREATE INDEX zi1 ON pt1 (v)
ALTER INDEX zi ATTACH PARTITION zi1;

-- form: drop-index
DROP INDEX t_n_idx;

-- form: drop-index-of-constraint
-- expects: 2BP01
DROP INDEX p_pkey;

-- form: drop-index-two
DROP INDEX t_n_idx, t_big_idx;

-- form: drop-index-partitioned
-- setup: CREATE INDEX zi ON pt (v)
DROP INDEX zi;

-- form: drop-index-missing-if-exists
DROP INDEX IF EXISTS nope;

-- form: rename-index
ALTER INDEX t_n_idx RENAME TO t_n_idx2;

-- form: rename-index-by-alter-table
ALTER TABLE t_n_idx RENAME TO t_n_idx2;

-- form: index-set-fillfactor
ALTER INDEX t_n_idx SET (fillfactor = 70);

-- form: index-reset-fillfactor
ALTER INDEX t_n_idx RESET (fillfactor);

-- form: index-set-tablespace
ALTER INDEX t_n_idx SET TABLESPACE pg_default;

-- form: index-set-statistics
ALTER INDEX t2_expr_idx ALTER COLUMN 1 SET STATISTICS 100;

-- form: index-depends-on-extension
ALTER INDEX t_n_idx NO DEPENDS ON EXTENSION plpgsql;

-- form: reindex-index
REINDEX INDEX t_n_idx;

-- form: reindex-table
REINDEX TABLE t;

-- form: analyze
ANALYZE t;

-- form: analyze-columns
ANALYZE t (n, nn);

-- form: analyze-partitioned
ANALYZE pt;

-- form: create-statistics
CREATE STATISTICS zs (dependencies) ON n, nn FROM t;

-- form: alter-statistics-target
ALTER STATISTICS t_st SET STATISTICS 100;

-- form: rename-statistics
ALTER STATISTICS t_st RENAME TO t_st2;

-- form: drop-statistics
DROP STATISTICS t_st;

-- form: drop-renamed-statistics
ALTER STATISTICS t_st RENAME TO t_st2;
DROP STATISTICS t_st2;

-- form: drop-moved-statistics
ALTER STATISTICS t_st SET SCHEMA public;
DROP STATISTICS public.t_st;
