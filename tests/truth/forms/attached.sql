-- Triggers, rules, policies, views.

-- form: create-trigger
CREATE TRIGGER z AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f_trg();

-- form: create-trigger-partitioned
CREATE TRIGGER z AFTER INSERT ON pt FOR EACH ROW EXECUTE FUNCTION f_trg();

-- form: create-trigger-statement-partitioned
CREATE TRIGGER z AFTER INSERT ON pt FOR EACH STATEMENT EXECUTE FUNCTION f_trg();

-- form: replace-trigger
-- from: 14
CREATE OR REPLACE TRIGGER trg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f_trg();

-- form: create-trigger-on-view
CREATE TRIGGER z INSTEAD OF INSERT ON vt FOR EACH ROW EXECUTE FUNCTION f_trg();

-- form: create-constraint-trigger
CREATE CONSTRAINT TRIGGER z AFTER INSERT ON c2 FROM p FOR EACH ROW EXECUTE FUNCTION f_trg();

-- form: drop-trigger
DROP TRIGGER trg ON t;

-- form: drop-trigger-missing-if-exists
DROP TRIGGER IF EXISTS nope ON t;

-- form: rename-trigger
ALTER TRIGGER trg ON t RENAME TO trg2;

-- form: disable-trigger
ALTER TABLE t DISABLE TRIGGER trg;

-- form: disable-trigger-all
ALTER TABLE c DISABLE TRIGGER ALL;

-- form: disable-trigger-user-partitioned
ALTER TABLE pt DISABLE TRIGGER USER;

-- form: enable-trigger
ALTER TABLE t ENABLE TRIGGER trg;

-- form: enable-trigger-always
ALTER TABLE t ENABLE ALWAYS TRIGGER trg;

-- form: create-rule
CREATE RULE z AS ON DELETE TO t DO INSTEAD NOTHING;

-- form: create-rule-on-view
CREATE RULE z AS ON INSERT TO vt DO INSTEAD INSERT INTO t2 (id) VALUES (1);

-- form: drop-rule
DROP RULE rul ON ruled;

-- form: rename-rule
ALTER RULE rul ON ruled RENAME TO rul2;

-- form: disable-rule
ALTER TABLE ruled DISABLE RULE rul;

-- form: enable-row-security
ALTER TABLE t ENABLE ROW LEVEL SECURITY;

-- form: force-row-security
ALTER TABLE rls FORCE ROW LEVEL SECURITY;

-- form: no-force-row-security
ALTER TABLE rls NO FORCE ROW LEVEL SECURITY;

-- form: disable-row-security
ALTER TABLE rls DISABLE ROW LEVEL SECURITY;

-- form: create-policy
CREATE POLICY z ON t USING (n > 0);

-- form: create-policy-subquery
CREATE POLICY z ON rls USING (id IN (SELECT v FROM p));

-- form: alter-policy
ALTER POLICY pol ON rls USING (false);

-- form: rename-policy
ALTER POLICY pol ON rls RENAME TO pol2;

-- form: drop-policy
DROP POLICY pol ON rls;

-- form: create-view
CREATE VIEW z AS SELECT id FROM t;

-- form: create-view-join
CREATE VIEW z AS WITH q AS (SELECT id FROM c) SELECT p.id FROM p JOIN q USING (id) WHERE EXISTS (SELECT FROM c2);

-- form: replace-view-adds-column
CREATE OR REPLACE VIEW vt AS SELECT id, shown, s FROM t;

-- form: replace-view-drops-column
-- expects: 42P16
CREATE OR REPLACE VIEW vt AS SELECT id FROM t;

-- form: replace-view-new
CREATE OR REPLACE VIEW z AS SELECT id FROM t;

-- form: drop-view
DROP VIEW vvt;

-- form: drop-view-cascade
DROP VIEW vt CASCADE;

-- form: rename-view
ALTER VIEW vt RENAME TO vt2;

-- form: view-options
ALTER VIEW vt SET (security_barrier = true);

-- form: view-set-schema
ALTER VIEW vt SET SCHEMA public;

-- form: view-owner
ALTER VIEW vt OWNER TO lab_role;

-- form: create-materialized-view
CREATE MATERIALIZED VIEW z AS SELECT * FROM t;

-- form: create-materialized-view-no-data
CREATE MATERIALIZED VIEW z AS SELECT * FROM t WITH NO DATA;

-- form: refresh-materialized-view
REFRESH MATERIALIZED VIEW mv;

-- form: refresh-materialized-view-concurrently
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;

-- form: refresh-materialized-view-no-data
REFRESH MATERIALIZED VIEW mv WITH NO DATA;

-- form: rename-materialized-view
ALTER MATERIALIZED VIEW mv RENAME TO mv2;

-- form: materialized-view-cluster-on
ALTER MATERIALIZED VIEW mv CLUSTER ON mv_id;

-- form: drop-materialized-view
DROP MATERIALIZED VIEW mv;
