-- The type of a column changes.

-- form: type-int-bigint
ALTER TABLE t ALTER COLUMN n TYPE bigint;

-- form: type-int-bigint-not-indexed
ALTER TABLE t ALTER COLUMN plain TYPE bigint;

-- form: type-int-smallint
ALTER TABLE c ALTER COLUMN x TYPE smallint;

-- form: type-int-text
ALTER TABLE t ALTER COLUMN plain TYPE text;

-- form: type-varchar-wider
ALTER TABLE t ALTER COLUMN s TYPE varchar(100);

-- form: type-varchar-wider-indexed
ALTER TABLE t ALTER COLUMN six TYPE varchar(100);

-- form: type-varchar-unbounded
ALTER TABLE t ALTER COLUMN s TYPE varchar;

-- form: type-varchar-text
ALTER TABLE t ALTER COLUMN s TYPE text;

-- form: type-varchar-text-indexed
ALTER TABLE t ALTER COLUMN six TYPE text;

-- form: type-varchar-narrower
ALTER TABLE t ALTER COLUMN s TYPE varchar(20);

-- form: type-text-varchar
ALTER TABLE t ALTER COLUMN txt TYPE varchar;

-- form: type-text-varchar-bounded
ALTER TABLE t ALTER COLUMN txt TYPE varchar(50);

-- form: type-char-text
ALTER TABLE t ALTER COLUMN ch TYPE text;

-- form: type-char-longer-char
ALTER TABLE t ALTER COLUMN ch TYPE char(20);

-- form: type-char-varchar
ALTER TABLE t ALTER COLUMN ch TYPE varchar(20);

-- form: type-numeric-more-digits
ALTER TABLE t ALTER COLUMN num TYPE numeric(12, 2);

-- form: type-numeric-more-scale
ALTER TABLE t ALTER COLUMN num TYPE numeric(12, 4);

-- form: type-numeric-unbounded
ALTER TABLE t ALTER COLUMN num TYPE numeric;

-- form: type-numeric-fewer-digits
ALTER TABLE t ALTER COLUMN num TYPE numeric(8, 2);

-- form: type-numeric-to-integer
ALTER TABLE t ALTER COLUMN num TYPE int;

-- form: type-timestamp-timestamptz-utc
-- set: TimeZone = 'UTC'
ALTER TABLE t ALTER COLUMN ts TYPE timestamptz;

-- form: type-timestamp-timestamptz-utc-not-indexed
-- set: TimeZone = 'UTC'
ALTER TABLE t2 ALTER COLUMN ts TYPE timestamptz;

-- form: type-timestamp-timestamptz-elsewhere
-- set: TimeZone = 'Europe/Oslo'
ALTER TABLE t ALTER COLUMN ts TYPE timestamptz;

-- form: type-timestamptz-timestamp-utc
-- set: TimeZone = 'UTC'
ALTER TABLE t ALTER COLUMN tz TYPE timestamp;

-- form: type-timestamp-timestamptz-using-zone
-- set: TimeZone = 'UTC'
ALTER TABLE t ALTER COLUMN ts TYPE timestamptz USING ts AT TIME ZONE 'UTC';

-- form: type-timestamp-more-precision
ALTER TABLE t ALTER COLUMN ts3 TYPE timestamp;

-- form: type-timestamp-less-precision
ALTER TABLE t ALTER COLUMN ts TYPE timestamp(3);

-- form: type-timestamp-date
ALTER TABLE t ALTER COLUMN ts TYPE date;

-- form: type-interval-more-precision
ALTER TABLE t ALTER COLUMN iv TYPE interval;

-- form: type-interval-less-precision
ALTER TABLE t ALTER COLUMN iv TYPE interval(1);

-- form: type-cidr-inet
ALTER TABLE t ALTER COLUMN ip TYPE inet;

-- form: type-varbit-wider
ALTER TABLE t ALTER COLUMN vb TYPE varbit(16);

-- form: type-varbit-narrower
ALTER TABLE t ALTER COLUMN vb TYPE varbit(4);

-- form: type-json-jsonb
ALTER TABLE t ALTER COLUMN js TYPE jsonb;

-- form: type-json-text
ALTER TABLE t ALTER COLUMN js TYPE text;

-- form: type-enum-text
ALTER TABLE t ALTER COLUMN m TYPE text;

-- form: type-enum-again-using
ALTER TABLE t ALTER COLUMN m TYPE mood USING m::text::mood;

-- form: type-int-domain-free
ALTER TABLE t ALTER COLUMN n TYPE dfree;

-- form: type-int-domain-checked
ALTER TABLE t ALTER COLUMN n TYPE dpos;

-- form: type-domain-to-base
ALTER TABLE ud ALTER COLUMN dp TYPE int;

-- form: type-domain-to-outer-domain
ALTER TABLE ud ALTER COLUMN dp TYPE dpos2;

-- form: type-array
ALTER TABLE t ALTER COLUMN plain TYPE int[] USING ARRAY[plain];

-- form: type-collation
ALTER TABLE t ALTER COLUMN s TYPE varchar(50) COLLATE "C";

-- form: type-collation-indexed
ALTER TABLE t ALTER COLUMN six TYPE varchar(50) COLLATE "C";

-- form: type-same
ALTER TABLE t ALTER COLUMN six TYPE varchar(50);

-- form: type-same-spelled-otherwise
ALTER TABLE t ALTER COLUMN plain TYPE int4;

-- form: type-using-function
ALTER TABLE t ALTER COLUMN s TYPE text USING lower(s);

-- form: type-using-plain-cast
ALTER TABLE t ALTER COLUMN s TYPE text USING s::text;

-- form: type-using-itself
ALTER TABLE t ALTER COLUMN s TYPE text USING s;

-- form: type-varchar-text-checked
-- setup: ALTER TABLE t ADD CONSTRAINT ck CHECK (s <> '')
ALTER TABLE t ALTER COLUMN s TYPE text;

-- form: type-varchar-wider-checked
-- setup: ALTER TABLE t ADD CONSTRAINT ck CHECK (length(s) < 60)
ALTER TABLE t ALTER COLUMN s TYPE varchar(100);

-- form: type-foreign-key-column
ALTER TABLE c ALTER COLUMN p_id TYPE int;

-- form: type-foreign-key-column-wider-varchar
ALTER TABLE fkc ALTER COLUMN a TYPE varchar(40);

-- form: type-referenced-column
-- setup: DROP MATERIALIZED VIEW mv
ALTER TABLE p ALTER COLUMN v TYPE bigint;

-- form: type-referenced-key
-- setup: DROP MATERIALIZED VIEW mv
ALTER TABLE p ALTER COLUMN id TYPE int;

-- form: type-referenced-key-wider-varchar
ALTER TABLE fkp ALTER COLUMN a TYPE varchar(40);

-- form: type-of-view-column
-- expects: 0A000
ALTER TABLE t ALTER COLUMN shown TYPE bigint;

-- form: type-of-trigger-column
-- setup: CREATE TRIGGER trg_s BEFORE UPDATE OF s ON t FOR EACH ROW EXECUTE FUNCTION f_trg()
-- expects: 0A000
ALTER TABLE t ALTER COLUMN s TYPE varchar(99);

-- form: type-of-policy-column
-- expects: 0A000
ALTER TABLE rls ALTER COLUMN who TYPE varchar;

-- form: type-of-generated-from
-- from: 15
-- expects: 0A000
ALTER TABLE g ALTER COLUMN a TYPE bigint;

-- form: type-of-generated
ALTER TABLE g ALTER COLUMN gs TYPE bigint;

-- form: type-of-identity
ALTER TABLE g ALTER COLUMN idn TYPE bigint;

-- form: type-of-serial
ALTER TABLE g ALTER COLUMN ser TYPE bigint;

-- form: type-of-expression-index
ALTER TABLE t2 ALTER COLUMN e TYPE bigint;

-- form: type-of-statistics
ALTER TABLE t ALTER COLUMN big TYPE int;

-- form: type-of-default
ALTER TABLE t ALTER COLUMN b TYPE text;

-- form: type-partition-key
-- expects: 42P16
ALTER TABLE pt ALTER COLUMN k TYPE bigint;

-- form: type-partitioned
ALTER TABLE pt ALTER COLUMN v TYPE bigint;

-- form: type-inheritance-parent
ALTER TABLE par ALTER COLUMN x TYPE bigint;

-- form: type-two-columns
ALTER TABLE t ALTER COLUMN n TYPE bigint, ALTER COLUMN nn TYPE bigint;

-- form: type-of-typed-table
-- expects: 42809
ALTER TABLE oft ALTER COLUMN a TYPE bigint;
