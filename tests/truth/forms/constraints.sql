-- Constraints.

-- form: check
ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0);

-- form: check-unnamed-on-partitioned
ALTER TABLE pt ADD CHECK (v >= 0);

-- form: check-inheritance-parent
ALTER TABLE par ADD CONSTRAINT ck CHECK (x > 0);

-- form: check-no-inherit
ALTER TABLE par ADD CONSTRAINT ck CHECK (x > 0) NO INHERIT;

-- form: check-unvalidated
ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0) NOT VALID;

-- form: check-unvalidated-partitioned
ALTER TABLE pt ADD CONSTRAINT ck CHECK (v >= 0) NOT VALID;

-- form: validate-check
-- setup: ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0) NOT VALID
ALTER TABLE t VALIDATE CONSTRAINT ck;

-- form: validate-check-already
-- setup: ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0)
ALTER TABLE t VALIDATE CONSTRAINT ck;

-- form: validate-check-partitioned
-- setup: ALTER TABLE pt ADD CONSTRAINT ck CHECK (v >= 0) NOT VALID
ALTER TABLE pt VALIDATE CONSTRAINT ck;

-- form: foreign-key
ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id);

-- form: foreign-key-implied-column
ALTER TABLE c2 ADD FOREIGN KEY (p_id) REFERENCES p;

-- form: foreign-key-itself
ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES c2 (id);

-- form: foreign-key-unvalidated
ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID;

-- form: validate-foreign-key
-- setup: ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID
ALTER TABLE c2 VALIDATE CONSTRAINT fk;

-- form: foreign-key-unvalidated-of-partitioned
-- expects: 42809 until 17
ALTER TABLE pt ADD CONSTRAINT fk FOREIGN KEY (v) REFERENCES p (id) NOT VALID;

-- form: foreign-key-of-partitioned
-- setup: UPDATE pt SET v = 1
ALTER TABLE pt ADD CONSTRAINT fk FOREIGN KEY (v) REFERENCES p (id);

-- form: foreign-key-to-partitioned
ALTER TABLE c2 ADD CONSTRAINT fk FOREIGN KEY (x) REFERENCES dpt (k);

-- form: primary-key
ALTER TABLE rls ADD PRIMARY KEY (id);

-- form: primary-key-not-null-column
-- setup: ALTER TABLE rls ALTER COLUMN id SET NOT NULL
ALTER TABLE rls ADD PRIMARY KEY (id);

-- form: primary-key-using-index
-- setup: CREATE UNIQUE INDEX rls_u ON rls (id)
ALTER TABLE rls ADD CONSTRAINT pk PRIMARY KEY USING INDEX rls_u;

-- form: primary-key-using-index-not-null-column
-- setup: CREATE UNIQUE INDEX rls_u ON rls (id)
-- setup: ALTER TABLE rls ALTER COLUMN id SET NOT NULL
ALTER TABLE rls ADD CONSTRAINT pk PRIMARY KEY USING INDEX rls_u;

-- form: primary-key-partitioned
ALTER TABLE pt ADD PRIMARY KEY (k);

-- form: unique
ALTER TABLE t ADD CONSTRAINT uq UNIQUE (n);

-- form: unique-using-index
ALTER TABLE t ADD CONSTRAINT uq UNIQUE USING INDEX t_nn_uidx;

-- form: unique-partitioned
ALTER TABLE pt ADD CONSTRAINT uq UNIQUE (k);

-- form: exclude
ALTER TABLE t ADD CONSTRAINT ex EXCLUDE USING btree (n WITH =);

-- form: drop-check
-- setup: ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 0)
ALTER TABLE t DROP CONSTRAINT ck;

-- form: drop-check-partitioned
-- setup: ALTER TABLE pt ADD CONSTRAINT ck CHECK (v >= 0)
ALTER TABLE pt DROP CONSTRAINT ck;

-- form: drop-foreign-key
ALTER TABLE c DROP CONSTRAINT c_fk;

-- form: drop-unique-constraint
-- setup: ALTER TABLE t ADD CONSTRAINT uq UNIQUE USING INDEX t_nn_uidx
ALTER TABLE t DROP CONSTRAINT uq;

-- form: drop-primary-key
ALTER TABLE t DROP CONSTRAINT t_pkey;

-- form: drop-primary-key-referenced
-- expects: 2BP01
ALTER TABLE p DROP CONSTRAINT p_pkey;

-- form: drop-primary-key-cascade
ALTER TABLE p DROP CONSTRAINT p_pkey CASCADE;

-- form: drop-constraint-missing-if-exists
ALTER TABLE t DROP CONSTRAINT IF EXISTS nope;

-- form: constraint-deferrable
ALTER TABLE c ALTER CONSTRAINT c_fk DEFERRABLE INITIALLY DEFERRED;

-- form: rename-constraint
ALTER TABLE c RENAME CONSTRAINT c_fk TO c_fk2;

-- form: rename-constraint-of-index
ALTER TABLE c RENAME CONSTRAINT c_pkey TO c_key;
