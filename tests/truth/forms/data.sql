-- Rows, and SQL that hides what it does.

-- form: select
SELECT count(*) FROM t;

-- form: select-view
SELECT count(*) FROM vt;

-- form: select-for-update
SELECT * FROM t WHERE id = 1 FOR UPDATE;

-- form: select-for-update-of-one
SELECT * FROM p JOIN c ON p.id = c.p_id WHERE p.id = 1 FOR UPDATE OF c;

-- form: insert
INSERT INTO p VALUES (100000, 1);

-- form: insert-select
INSERT INTO c2 SELECT id + 100000, id, 1 FROM p;

-- form: insert-referencing
INSERT INTO c VALUES (100000, 1, 1);

-- form: insert-partitioned
INSERT INTO pt VALUES (5, 5), (1500, 5);

-- form: insert-on-conflict
INSERT INTO p VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 2;

-- form: insert-serial
INSERT INTO g (id, a) VALUES (1, 1);

-- form: insert-view
-- expects: 23502
INSERT INTO vt VALUES (100000, 1);

-- form: update-view
UPDATE vt SET shown = 1;

-- form: update-all
UPDATE t SET b = false;

-- form: update-one
UPDATE t SET b = false WHERE id = 1;

-- form: update-from
UPDATE c2 SET x = p.v FROM p WHERE p.id = c2.p_id;

-- form: update-partitioned
UPDATE pt SET v = 0;

-- form: update-inheritance-parent
UPDATE par SET x = 0;

-- form: update-foreign-key
UPDATE c SET p_id = 2 WHERE id = 1;

-- form: update-referenced-key
UPDATE p SET id = 1001 WHERE id = 1000;

-- form: delete-all
DELETE FROM t;

-- form: delete-using
DELETE FROM c2 USING p WHERE p.id = c2.p_id;

-- form: delete-referenced
DELETE FROM p WHERE id = 1000;

-- form: delete-writable-with
WITH gone AS (DELETE FROM c2 RETURNING id) SELECT count(*) FROM gone;

-- form: merge
-- from: 15
MERGE INTO p USING c2 ON p.id = c2.p_id WHEN MATCHED THEN UPDATE SET v = 1;

-- form: copy-to
COPY t TO PROGRAM 'cat >/dev/null';

-- form: copy-query-to
COPY (SELECT id FROM t) TO PROGRAM 'cat >/dev/null';

-- form: copy-from
COPY c2 FROM PROGRAM 'true';

-- form: explain-analyze
EXPLAIN ANALYZE UPDATE t SET b = false;

-- form: do-block-ddl
DO $$BEGIN EXECUTE 'ALTER TABLE lab.t ADD COLUMN hid int DEFAULT random()'; END$$;

-- form: function-ddl
SELECT hid();

-- form: nextval
SELECT nextval('sq');

-- form: setval
SELECT setval('sq', 10);
