-- Syntax that came after 15.

-- form: column-virtual
-- from: 18
ALTER TABLE t ADD COLUMN z int GENERATED ALWAYS AS (n * 2) VIRTUAL;

-- form: check-not-enforced
-- from: 18
ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0) NOT ENFORCED;

-- form: not-null-constraint-unvalidated
-- from: 18
ALTER TABLE t ADD CONSTRAINT proof NOT NULL n NOT VALID;

-- form: validate-not-null-constraint
-- from: 18
-- setup: ALTER TABLE t ADD CONSTRAINT proof NOT NULL n NOT VALID
ALTER TABLE t VALIDATE CONSTRAINT proof;

-- form: set-expression
-- from: 17
ALTER TABLE g ALTER COLUMN gs SET EXPRESSION AS (a * 3);

-- form: set-storage-default
-- from: 16
ALTER TABLE t ALTER COLUMN txt SET STORAGE DEFAULT;

-- form: foreign-key-not-enforced
-- from: 18
ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) NOT ENFORCED;
