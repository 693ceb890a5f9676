-- Functions, sequences, types, domains, schemas, rights and the rest.

-- form: create-function
CREATE FUNCTION z() RETURNS int LANGUAGE sql AS 'SELECT 1';

-- form: create-function-reading-table
CREATE FUNCTION z() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM t';

-- form: create-function-atomic-body
-- from: 14
CREATE FUNCTION z() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;

-- form: create-function-returns-table-type
CREATE FUNCTION z() RETURNS SETOF t LANGUAGE sql AS 'SELECT * FROM t';

-- form: replace-function
CREATE OR REPLACE FUNCTION f1(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + 1';

-- form: replace-function-other-result
-- expects: 42P13
CREATE OR REPLACE FUNCTION f1(a int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint';

-- form: replace-function-other-argument-name
-- expects: 42P13
CREATE OR REPLACE FUNCTION f1(b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT b';

-- form: replace-function-one-argument-more
CREATE OR REPLACE FUNCTION f1(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a';

-- form: alter-function
ALTER FUNCTION f1(int) SET search_path = lab;

-- form: rename-function
ALTER FUNCTION f1(int) RENAME TO f1b;

-- form: drop-function
DROP FUNCTION f1(int);

-- form: drop-function-of-trigger-cascade
DROP FUNCTION f_trg() CASCADE;

-- form: create-procedure
CREATE PROCEDURE z() LANGUAGE plpgsql AS 'BEGIN END';

-- form: create-sequence
CREATE SEQUENCE z;

-- form: create-sequence-owned
CREATE SEQUENCE z OWNED BY t.n;

-- form: alter-sequence-restart
ALTER SEQUENCE sq RESTART WITH 100;

-- form: alter-sequence-type
ALTER SEQUENCE sq AS int;

-- form: alter-sequence-owned
ALTER SEQUENCE sq OWNED BY t.n;

-- form: rename-sequence
ALTER SEQUENCE sq RENAME TO sq2;

-- form: sequence-owner
ALTER SEQUENCE sq OWNER TO lab_role;

-- form: sequence-set-schema
ALTER SEQUENCE sq SET SCHEMA public;

-- form: drop-sequence
DROP SEQUENCE sq;

-- form: drop-sequence-of-default-cascade
DROP SEQUENCE g_ser_seq CASCADE;

-- form: create-enum
CREATE TYPE z AS ENUM ('a');

-- form: enum-value
ALTER TYPE mood ADD VALUE 'happy';

-- form: enum-value-that-exists
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok';

-- form: enum-value-and-its-use
-- expects: 55P04
ALTER TYPE mood ADD VALUE 'happy';
UPDATE t SET m = 'happy' WHERE id = 1;

-- form: rename-enum-value
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';

-- form: rename-type
ALTER TYPE mood RENAME TO mood2;

-- form: type-owner
ALTER TYPE mood OWNER TO lab_role;

-- form: drop-type
-- expects: 2BP01
DROP TYPE mood;

-- form: drop-type-cascade
DROP TYPE mood CASCADE;

-- form: create-composite
CREATE TYPE z AS (a int);

-- form: drop-composite
DROP TYPE loose;

-- form: composite-attribute
ALTER TYPE loose ADD ATTRIBUTE z int;

-- form: composite-attribute-typed-table
ALTER TYPE comp ADD ATTRIBUTE z int CASCADE;

-- form: composite-drop-attribute-typed-table
ALTER TYPE comp DROP ATTRIBUTE b CASCADE;

-- form: composite-attribute-typed-table-restrict
-- expects: 2BP01
ALTER TYPE comp ADD ATTRIBUTE z int;

-- form: composite-attribute-type-in-use
-- expects: 0A000
ALTER TYPE used ALTER ATTRIBUTE a TYPE bigint;

-- form: composite-rename-attribute
ALTER TYPE loose RENAME ATTRIBUTE a TO aa;

-- form: create-range
CREATE TYPE z AS RANGE (subtype = float8);

-- form: create-domain
CREATE DOMAIN z AS int CHECK (VALUE > 0);

-- form: domain-constraint
ALTER DOMAIN dfree ADD CONSTRAINT dck CHECK (VALUE > 0);

-- form: domain-constraint-nested
ALTER DOMAIN dpos ADD CONSTRAINT dck CHECK (VALUE < 100000);

-- form: domain-constraint-unvalidated
ALTER DOMAIN dfree ADD CONSTRAINT dck CHECK (VALUE > 0) NOT VALID;

-- form: domain-validate
-- setup: ALTER DOMAIN dfree ADD CONSTRAINT dck CHECK (VALUE > 0) NOT VALID
ALTER DOMAIN dfree VALIDATE CONSTRAINT dck;

-- form: domain-set-not-null
ALTER DOMAIN dfree SET NOT NULL;

-- form: domain-drop-not-null
ALTER DOMAIN dfree DROP NOT NULL;

-- form: domain-drop-constraint
ALTER DOMAIN dpos DROP CONSTRAINT dpos_check;

-- form: domain-set-default
ALTER DOMAIN dfree SET DEFAULT 1;

-- form: drop-domain-cascade
DROP DOMAIN dfree CASCADE;

-- form: create-schema
CREATE SCHEMA z;

-- form: create-schema-with-table
CREATE SCHEMA z CREATE TABLE inner_t (p_id bigint REFERENCES lab.p (id));

-- form: rename-schema
ALTER SCHEMA lab RENAME TO labx;

-- form: drop-schema-cascade
DROP SCHEMA lab CASCADE;

-- form: comment-table
COMMENT ON TABLE t IS 'x';

-- form: comment-column
COMMENT ON COLUMN t.n IS 'x';

-- form: comment-index
COMMENT ON INDEX t_n_idx IS 'x';

-- form: comment-view
COMMENT ON VIEW vt IS 'x';

-- form: comment-constraint
COMMENT ON CONSTRAINT c_fk ON c IS 'x';

-- form: comment-trigger
COMMENT ON TRIGGER trg ON t IS 'x';

-- form: comment-policy
COMMENT ON POLICY pol ON rls IS 'x';

-- form: comment-function
COMMENT ON FUNCTION f1(int) IS 'x';

-- form: comment-type
COMMENT ON TYPE mood IS 'x';

-- form: comment-sequence
COMMENT ON SEQUENCE sq IS 'x';

-- form: grant-table
GRANT SELECT ON t TO lab_role;

-- form: grant-column
GRANT SELECT (n) ON t TO lab_role;

-- form: grant-sequence
GRANT USAGE ON SEQUENCE sq TO lab_role;

-- form: revoke-table
REVOKE SELECT ON t FROM lab_role;

-- form: grant-all-in-schema
GRANT SELECT ON ALL TABLES IN SCHEMA lab TO lab_role;

-- form: grant-schema
GRANT USAGE ON SCHEMA lab TO lab_role;

-- form: grant-function
GRANT EXECUTE ON FUNCTION f1(int) TO lab_role;

-- form: default-privileges
ALTER DEFAULT PRIVILEGES IN SCHEMA lab GRANT SELECT ON TABLES TO lab_role;

-- form: create-publication-table
CREATE PUBLICATION z FOR TABLE t;

-- form: create-publication-all
CREATE PUBLICATION z FOR ALL TABLES;

-- form: create-publication-empty
CREATE PUBLICATION z;

-- form: publication-add-table
ALTER PUBLICATION labpub ADD TABLE t;

-- form: publication-drop-table
ALTER PUBLICATION labpub DROP TABLE p;

-- form: publication-set-table
ALTER PUBLICATION labpub SET TABLE t;

-- form: drop-publication
DROP PUBLICATION labpub;

-- form: create-extension
CREATE EXTENSION IF NOT EXISTS plpgsql;

-- form: reassign-owned
REASSIGN OWNED BY lab_role TO postgres;

-- form: drop-owned
DROP OWNED BY lab_role;

-- form: create-aggregate
CREATE AGGREGATE z (int) (SFUNC = int4pl, STYPE = int);

-- form: create-cast
CREATE CAST (mood AS int) WITH INOUT;

-- form: create-collation
CREATE COLLATION z FROM "C";

-- form: create-operator
CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);

-- form: create-role
CREATE ROLE lab_role2;

-- form: create-event-trigger
CREATE FUNCTION z() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER z ON ddl_command_start EXECUTE FUNCTION z();
