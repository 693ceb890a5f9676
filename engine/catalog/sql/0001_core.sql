-- Schema lockstep, version 1: the tables. Applied by engine/catalog/bootstrap in one transaction that
-- holds the bootstrap lock, as the role that owns the schema. Nobody but the functions of this schema
-- and the coordinator touches these tables.

CREATE TABLE lockstep.schema_version (
  number integer PRIMARY KEY,
  name text NOT NULL,
  digest bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE lockstep.schema_version IS 'Which of lockstep''s own schema files were applied';
COMMENT ON COLUMN lockstep.schema_version.number IS 'Number of the file';
COMMENT ON COLUMN lockstep.schema_version.name IS 'Name of the file';
COMMENT ON COLUMN lockstep.schema_version.digest IS 'SHA-256 of the file';
COMMENT ON COLUMN lockstep.schema_version.applied_at IS 'When it was applied';

CREATE TABLE lockstep.setting (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  owner_role text NOT NULL,
  search_path text NOT NULL,
  single_role boolean NOT NULL,
  dev boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE lockstep.setting IS 'How migrations run in this database';
COMMENT ON COLUMN lockstep.setting.singleton IS 'Always true: one row';
COMMENT ON COLUMN lockstep.setting.owner_role IS 'The role that owns the application''s objects; migrations run as it';
COMMENT ON COLUMN lockstep.setting.search_path IS 'search_path of migrations';
COMMENT ON COLUMN lockstep.setting.single_role IS 'True when lockstep''s own roles could not be created';
COMMENT ON COLUMN lockstep.setting.dev IS 'True for the private database of lockstep dev, which may forget what has not run';

CREATE TABLE lockstep.leader (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch bigint NOT NULL UNIQUE,
  holder uuid NOT NULL,
  address text NOT NULL,
  renew_seq bigint NOT NULL DEFAULT 0,
  acquired_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.leader IS 'The coordinator that leads: a lease, fenced by its epoch';
COMMENT ON COLUMN lockstep.leader.singleton IS 'Always true: one row';
COMMENT ON COLUMN lockstep.leader.epoch IS 'Fence: a key column, so that a takeover waits for the transactions of the old leader';
COMMENT ON COLUMN lockstep.leader.holder IS 'Random id of the leading process, new at each takeover';
COMMENT ON COLUMN lockstep.leader.address IS 'Where the leader listens';
COMMENT ON COLUMN lockstep.leader.renew_seq IS 'Counts renewals; not a key, so that a renewal never waits';
COMMENT ON COLUMN lockstep.leader.acquired_at IS 'When this epoch began';
COMMENT ON COLUMN lockstep.leader.expires_at IS 'When others may try to take over';

CREATE TABLE lockstep.chain (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  gate_seq bigint NOT NULL UNIQUE,
  applied integer NOT NULL DEFAULT 0,
  head integer NOT NULL DEFAULT 0,
  chain_hash bytea NOT NULL,
  inflight integer,
  barrier integer,
  barrier_owner text,
  barrier_deadline timestamptz,
  barrier_operation text,
  incarnation bigint NOT NULL DEFAULT 1,
  settled_incarnation bigint NOT NULL DEFAULT 1,
  system_identifier bigint,
  timeline integer,
  revision bigint NOT NULL DEFAULT 0,
  first_served_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.chain IS 'The state of the one chain';
COMMENT ON COLUMN lockstep.chain.singleton IS 'Always true: one row';
COMMENT ON COLUMN lockstep.chain.gate_seq IS 'Fence between admissions and grants: a key column';
COMMENT ON COLUMN lockstep.chain.applied IS 'Newest version that has run such that every non-contract up to it has run';
COMMENT ON COLUMN lockstep.chain.head IS 'Newest published version';
COMMENT ON COLUMN lockstep.chain.chain_hash IS 'Chain hash at head';
COMMENT ON COLUMN lockstep.chain.inflight IS 'Last version of the run that is leased';
COMMENT ON COLUMN lockstep.chain.barrier IS 'Contract for which the fleet drains';
COMMENT ON COLUMN lockstep.chain.barrier_owner IS 'Who set the barrier';
COMMENT ON COLUMN lockstep.chain.barrier_deadline IS 'When the barrier is lifted by itself';
COMMENT ON COLUMN lockstep.chain.barrier_operation IS 'The operation that the barrier is for, and that lifts it; of no meaning without a barrier';
COMMENT ON COLUMN lockstep.chain.incarnation IS 'Counts failovers and restores of PostgreSQL';
COMMENT ON COLUMN lockstep.chain.settled_incarnation IS 'The newest incarnation in which instances have had their time to register again';
COMMENT ON COLUMN lockstep.chain.system_identifier IS 'The server the incarnation began on, as initdb named it; NULL when not known';
COMMENT ON COLUMN lockstep.chain.timeline IS 'The timeline the incarnation began on; NULL before the first leader';
COMMENT ON COLUMN lockstep.chain.revision IS 'Counts events';
COMMENT ON COLUMN lockstep.chain.first_served_at IS 'When the first session was admitted; NULL while never served';

CREATE TABLE lockstep.migration (
  version integer PRIMARY KEY CHECK (version > 0),
  title text NOT NULL,
  phase text NOT NULL CHECK (phase IN ('neutral', 'data', 'expand', 'contract')),
  transactional boolean NOT NULL,
  waits_for integer[] NOT NULL DEFAULT '{}',
  needs_backfill text[] NOT NULL DEFAULT '{}',
  touches text[],
  sharing text NOT NULL DEFAULT 'alone' CHECK (sharing IN ('alone', 'last', 'any')),
  sql bytea NOT NULL,
  digest bytea NOT NULL,
  digest_algorithm text NOT NULL,
  chain_hash bytea NOT NULL,
  published_by text NOT NULL,
  published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Contracts are few and asked for at every gate; the chain may be thousands long.
CREATE INDEX migration_contract ON lockstep.migration (version) WHERE phase = 'contract';
COMMENT ON TABLE lockstep.migration IS 'The published chain; texts never change, and a phase only before it has run, to a stronger one';
COMMENT ON COLUMN lockstep.migration.version IS 'Number in the chain';
COMMENT ON COLUMN lockstep.migration.title IS 'Title of its file';
COMMENT ON COLUMN lockstep.migration.phase IS 'What it does to running code';
COMMENT ON COLUMN lockstep.migration.transactional IS 'False when it cannot run inside a transaction';
COMMENT ON COLUMN lockstep.migration.waits_for IS 'Contracts that must be done before it';
COMMENT ON COLUMN lockstep.migration.needs_backfill IS 'Data jobs that must be done before it';
COMMENT ON COLUMN lockstep.migration.touches IS 'Tables and columns it changes, with and without schema; NULL when not known';
COMMENT ON COLUMN lockstep.migration.sharing IS 'Whether it may share a transaction: alone: no; last: with those before it; any: also with those after it';
COMMENT ON COLUMN lockstep.migration.sql IS 'Its text as published';
COMMENT ON COLUMN lockstep.migration.digest IS 'SHA-256 over its tokens';
COMMENT ON COLUMN lockstep.migration.digest_algorithm IS 'Lexer and hash of the digest';
COMMENT ON COLUMN lockstep.migration.chain_hash IS 'Covers this and every earlier migration';
COMMENT ON COLUMN lockstep.migration.published_by IS 'Who published it';
COMMENT ON COLUMN lockstep.migration.published_at IS 'When it was published';

CREATE TABLE lockstep.backfill (
  name text PRIMARY KEY,
  after integer NOT NULL,
  sql bytea NOT NULL,
  digest bytea NOT NULL,
  state text NOT NULL DEFAULT 'not run'
    CHECK (state IN ('not run', 'running', 'paused', 'done', 'failed', 'cancelled')),
  published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  run integer NOT NULL DEFAULT 0,
  settings jsonb NOT NULL DEFAULT '{}',
  relation oid,
  key_types text[] NOT NULL DEFAULT '{}',
  total bigint,
  rows_left bigint,
  left_sample text NOT NULL DEFAULT '',
  look text NOT NULL DEFAULT '',
  actor text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  started_at timestamptz,
  ended_at timestamptz,
  error jsonb
);
COMMENT ON TABLE lockstep.backfill IS 'Published data jobs, and where each stands';
COMMENT ON COLUMN lockstep.backfill.name IS 'Name of its file';
COMMENT ON COLUMN lockstep.backfill.after IS 'Version after which it runs';
COMMENT ON COLUMN lockstep.backfill.sql IS 'Its text as published; never changes once it was started';
COMMENT ON COLUMN lockstep.backfill.digest IS 'SHA-256 over its tokens';
COMMENT ON COLUMN lockstep.backfill.state IS 'Where it stands; done: cursors at the end, and verified';
COMMENT ON COLUMN lockstep.backfill.published_at IS 'When it was published';
COMMENT ON COLUMN lockstep.backfill.run IS 'How often it was begun from the start; 0 while never';
COMMENT ON COLUMN lockstep.backfill.settings IS 'What people set while it runs; what is not in it the file says, or the default';
COMMENT ON COLUMN lockstep.backfill.relation IS 'The table it walks; NULL for one batch without keys';
COMMENT ON COLUMN lockstep.backfill.key_types IS 'Types of its key columns, as SQL: by them cursors are compared';
COMMENT ON COLUMN lockstep.backfill.total IS 'Rows it has to walk, an estimate';
COMMENT ON COLUMN lockstep.backfill.rows_left IS 'Rows that its verification found undone; NULL before it';
COMMENT ON COLUMN lockstep.backfill.left_sample IS 'Some of them';
COMMENT ON COLUMN lockstep.backfill.look IS 'The query that shows them';
COMMENT ON COLUMN lockstep.backfill.actor IS 'Who started it';
COMMENT ON COLUMN lockstep.backfill.reason IS 'Why';
COMMENT ON COLUMN lockstep.backfill.started_at IS 'When its run began';
COMMENT ON COLUMN lockstep.backfill.ended_at IS 'When it ended';
COMMENT ON COLUMN lockstep.backfill.error IS 'Why it failed';

CREATE SEQUENCE lockstep.backfill_epoch;
COMMENT ON SEQUENCE lockstep.backfill_epoch IS 'Fencing numbers of ranges';

CREATE TABLE lockstep.backfill_range (
  name text NOT NULL REFERENCES lockstep.backfill (name) ON DELETE CASCADE,
  run integer NOT NULL,
  ordinal integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('prepare', 'range', 'verify')),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'held', 'done')),
  epoch bigint NOT NULL UNIQUE DEFAULT nextval('lockstep.backfill_epoch'),
  lease_id uuid,
  session uuid,
  holder text,
  expires_at timestamptz,
  not_before timestamptz,
  low text[],
  high text[],
  position text[],
  rows_walked bigint NOT NULL DEFAULT 0,
  rows_changed bigint NOT NULL DEFAULT 0,
  batches bigint NOT NULL DEFAULT 0,
  batch_rows integer NOT NULL DEFAULT 0,
  grants integer NOT NULL DEFAULT 0,
  lost text[] NOT NULL DEFAULT '{}',
  stands text NOT NULL DEFAULT '',
  stands_since timestamptz,
  lag interval,
  started_at timestamptz,
  moved_at timestamptz,
  ended_at timestamptz,
  error jsonb,
  PRIMARY KEY (name, run, ordinal)
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.backfill_range IS 'The parts of a data job: each is leased by itself, fenced by its epoch, and has a cursor';
COMMENT ON COLUMN lockstep.backfill_range.name IS 'Which job';
COMMENT ON COLUMN lockstep.backfill_range.run IS 'Which run of it';
COMMENT ON COLUMN lockstep.backfill_range.ordinal IS '0: prepare; then the ranges by key; the last: verify';
COMMENT ON COLUMN lockstep.backfill_range.kind IS 'What is done: prepare and plan, walk a range of keys, verify';
COMMENT ON COLUMN lockstep.backfill_range.state IS 'waiting for a holder, held, or done';
COMMENT ON COLUMN lockstep.backfill_range.epoch IS 'Fence: a key column, so that a revoke waits for the holder''s open batch';
COMMENT ON COLUMN lockstep.backfill_range.lease_id IS 'Random second half of the token';
COMMENT ON COLUMN lockstep.backfill_range.session IS 'Who holds it';
COMMENT ON COLUMN lockstep.backfill_range.holder IS 'service@instance of that session';
COMMENT ON COLUMN lockstep.backfill_range.expires_at IS 'When a leader may try to take it back; each batch moves it';
COMMENT ON COLUMN lockstep.backfill_range.not_before IS 'When it may be granted again';
COMMENT ON COLUMN lockstep.backfill_range.low IS 'Keys above this one';
COMMENT ON COLUMN lockstep.backfill_range.high IS 'Keys up to this one';
COMMENT ON COLUMN lockstep.backfill_range.position IS 'The cursor: keys up to this one are committed; it never moves back';
COMMENT ON COLUMN lockstep.backfill_range.rows_walked IS 'Rows up to the cursor';
COMMENT ON COLUMN lockstep.backfill_range.rows_changed IS 'Rows that the statements said they changed';
COMMENT ON COLUMN lockstep.backfill_range.batches IS 'How many were committed';
COMMENT ON COLUMN lockstep.backfill_range.batch_rows IS 'Rows of the next batch, as its holder last said';
COMMENT ON COLUMN lockstep.backfill_range.grants IS 'How often it was given to a holder';
COMMENT ON COLUMN lockstep.backfill_range.lost IS 'Its holders that died or went silent at work since it last moved';
COMMENT ON COLUMN lockstep.backfill_range.stands IS 'Why its holder does nothing right now; empty when it does';
COMMENT ON COLUMN lockstep.backfill_range.stands_since IS 'Since when';
COMMENT ON COLUMN lockstep.backfill_range.lag IS 'How far replicas were behind when its holder last looked';
COMMENT ON COLUMN lockstep.backfill_range.started_at IS 'When it was first begun';
COMMENT ON COLUMN lockstep.backfill_range.moved_at IS 'When the cursor last moved';
COMMENT ON COLUMN lockstep.backfill_range.ended_at IS 'When it was done';
COMMENT ON COLUMN lockstep.backfill_range.error IS 'What its last holder met';

CREATE TABLE lockstep.lease (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch bigint NOT NULL UNIQUE,
  lease_id uuid,
  session uuid,
  operation text,
  first integer,
  last integer,
  state text NOT NULL CHECK (state IN ('idle', 'held', 'revoking')),
  expires_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.lease IS 'The right to apply a run: one row, fenced by its epoch';
COMMENT ON COLUMN lockstep.lease.singleton IS 'Always true: one row';
COMMENT ON COLUMN lockstep.lease.epoch IS 'Fence: a key column, so that a revoke waits for the holder''s transaction';
COMMENT ON COLUMN lockstep.lease.lease_id IS 'Random second half of the token';
COMMENT ON COLUMN lockstep.lease.session IS 'Who holds it';
COMMENT ON COLUMN lockstep.lease.operation IS 'For which operation';
COMMENT ON COLUMN lockstep.lease.first IS 'First version of the run';
COMMENT ON COLUMN lockstep.lease.last IS 'Last version of the run';
COMMENT ON COLUMN lockstep.lease.state IS 'idle, held, or revoking: taken back, while a statement outside of a transaction may still run';
COMMENT ON COLUMN lockstep.lease.expires_at IS 'When a leader that knows nothing else may try to revoke it';

CREATE TABLE lockstep.history (
  version integer PRIMARY KEY REFERENCES lockstep.migration (version),
  digest bytea NOT NULL,
  lease_epoch bigint NOT NULL,
  lease_id uuid NOT NULL,
  xid xid8 NOT NULL,
  applied_at timestamptz NOT NULL,
  duration interval NOT NULL,
  session uuid,
  applied_by text NOT NULL,
  backend_pid integer NOT NULL,
  how text NOT NULL CHECK (how IN ('run', 'adopted', 'baselined', 'override'))
);
COMMENT ON TABLE lockstep.history IS 'What was applied; one row a version, committed with its effect, never removed';
COMMENT ON COLUMN lockstep.history.version IS 'Which migration; the primary key makes a second apply impossible';
COMMENT ON COLUMN lockstep.history.digest IS 'Its digest';
COMMENT ON COLUMN lockstep.history.lease_epoch IS 'First half of the token it was applied under';
COMMENT ON COLUMN lockstep.history.lease_id IS 'Second half of the token';
COMMENT ON COLUMN lockstep.history.xid IS 'The transaction that applied it';
COMMENT ON COLUMN lockstep.history.applied_at IS 'When';
COMMENT ON COLUMN lockstep.history.duration IS 'How long its transaction took';
COMMENT ON COLUMN lockstep.history.session IS 'Whose lease it was';
COMMENT ON COLUMN lockstep.history.applied_by IS 'service@instance of that session';
COMMENT ON COLUMN lockstep.history.backend_pid IS 'The backend that ran it';
COMMENT ON COLUMN lockstep.history.how IS 'run, adopted, baselined or override';

CREATE TABLE lockstep.opened (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  version integer NOT NULL,
  last integer,
  epoch bigint NOT NULL,
  lease_id uuid NOT NULL,
  xid xid8 NOT NULL,
  opened_at timestamptz NOT NULL
);
COMMENT ON TABLE lockstep.opened IS 'The migration transaction between open and close; never a committed row';
COMMENT ON COLUMN lockstep.opened.singleton IS 'Always true: the primary key lets one backend in';
COMMENT ON COLUMN lockstep.opened.version IS 'Which migration; the first of a group';
COMMENT ON COLUMN lockstep.opened.last IS 'Of a group the last; NULL for one migration';
COMMENT ON COLUMN lockstep.opened.epoch IS 'First half of the token';
COMMENT ON COLUMN lockstep.opened.lease_id IS 'Second half of the token';
COMMENT ON COLUMN lockstep.opened.xid IS 'The transaction';
COMMENT ON COLUMN lockstep.opened.opened_at IS 'When it was opened';

CREATE TABLE lockstep.intent (
  version integer NOT NULL REFERENCES lockstep.migration (version),
  statement integer NOT NULL CHECK (statement > 0),
  last_statement integer NOT NULL CHECK (last_statement >= statement),
  kind text NOT NULL,
  object text NOT NULL,
  state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'done', 'adopted', 'cleaned')),
  lease_epoch bigint,
  backend_pid integer,
  backend_start timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  tries integer NOT NULL DEFAULT 0,
  evidence jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (version, statement)
);
COMMENT ON TABLE lockstep.intent IS 'What a migration outside of a transaction is about to do, does and has done, a statement at a time';
COMMENT ON COLUMN lockstep.intent.version IS 'Which migration';
COMMENT ON COLUMN lockstep.intent.statement IS 'Number of its statement, from 1; of statements that share a transaction the first';
COMMENT ON COLUMN lockstep.intent.last_statement IS 'Of statements that share a transaction the last; else the same number';
COMMENT ON COLUMN lockstep.intent.kind IS 'What it does, which decides what is done about a half of it';
COMMENT ON COLUMN lockstep.intent.object IS 'To what, as the file names it';
COMMENT ON COLUMN lockstep.intent.state IS 'planned; running: it may have begun; done; adopted: found done; cleaned: it failed and left nothing';
COMMENT ON COLUMN lockstep.intent.lease_epoch IS 'First half of the token under which its state was last changed';
COMMENT ON COLUMN lockstep.intent.backend_pid IS 'The backend that runs it, or ran it last';
COMMENT ON COLUMN lockstep.intent.backend_start IS 'When that backend started: process ids are used again';
COMMENT ON COLUMN lockstep.intent.started_at IS 'When it was begun for the last time';
COMMENT ON COLUMN lockstep.intent.ended_at IS 'When that ended; NULL while it runs';
COMMENT ON COLUMN lockstep.intent.tries IS 'How often it was begun';
COMMENT ON COLUMN lockstep.intent.evidence IS 'What the catalog showed afterwards';

CREATE TABLE lockstep.gate_lock ();
COMMENT ON TABLE lockstep.gate_lock IS 'Never written: queues admissions (ROW SHARE) and grants (EXCLUSIVE) fairly';
CREATE TABLE lockstep.run_lock ();
COMMENT ON TABLE lockstep.run_lock IS 'Never written: queues migration transactions (ROW SHARE) and revokes (EXCLUSIVE) fairly';

CREATE TABLE lockstep.session (
  session_id uuid PRIMARY KEY,
  service text NOT NULL,
  instance text NOT NULL,
  nonce bigint NOT NULL,
  build text NOT NULL,
  built_for integer NOT NULL,
  needs integer NOT NULL,
  adapted_to integer NOT NULL,
  uses text[],
  on_session_loss text NOT NULL CHECK (on_session_loss IN ('keep', 'stop')),
  state text NOT NULL CHECK (state IN ('waiting', 'refused', 'starting', 'live', 'draining', 'suspect', 'closed', 'expired')),
  verdict text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  hint text NOT NULL,
  via text NOT NULL,
  role text NOT NULL,
  gate_seq bigint NOT NULL,
  can_migrate boolean NOT NULL DEFAULT false,
  migrate_error text NOT NULL DEFAULT '',
  registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  admitted_at timestamptz,
  ended_at timestamptz,
  reserved_until timestamptz,
  silent_since timestamptz,
  superseded_by uuid,
  backend_seen_at timestamptz,
  attested_at timestamptz,
  attested_by text,
  attest_reason text,
  end_rule text,
  UNIQUE (service, instance, nonce),
  CHECK (state <> 'starting' OR reserved_until IS NOT NULL)
);
COMMENT ON TABLE lockstep.session IS 'Registered instances; starting, live, draining and suspect ones count for contracts';
COMMENT ON COLUMN lockstep.session.session_id IS 'Made by the agent at its start';
COMMENT ON COLUMN lockstep.session.service IS 'Which service';
COMMENT ON COLUMN lockstep.session.instance IS 'Which instance of it';
COMMENT ON COLUMN lockstep.session.nonce IS 'Which start of that instance';
COMMENT ON COLUMN lockstep.session.build IS 'Which image or commit';
COMMENT ON COLUMN lockstep.session.built_for IS 'Newest version of the chain the build was made with';
COMMENT ON COLUMN lockstep.session.needs IS 'Lowest applied version it runs on';
COMMENT ON COLUMN lockstep.session.adapted_to IS 'It no longer uses what contracts up to here remove';
COMMENT ON COLUMN lockstep.session.uses IS 'What it touches; NULL when not declared';
COMMENT ON COLUMN lockstep.session.on_session_loss IS 'keep: it serves on without a session; stop: it stops itself';
COMMENT ON COLUMN lockstep.session.state IS 'Where its life stands';
COMMENT ON COLUMN lockstep.session.verdict IS 'OPEN, WAIT or REFUSED';
COMMENT ON COLUMN lockstep.session.reason IS 'Reason of the verdict';
COMMENT ON COLUMN lockstep.session.detail IS 'The verdict for a person';
COMMENT ON COLUMN lockstep.session.hint IS 'What to do next';
COMMENT ON COLUMN lockstep.session.via IS 'coordinator or direct';
COMMENT ON COLUMN lockstep.session.role IS 'The database role that registered it';
COMMENT ON COLUMN lockstep.session.gate_seq IS 'Fence value of its admission';
COMMENT ON COLUMN lockstep.session.can_migrate IS 'It has a working migrator connection';
COMMENT ON COLUMN lockstep.session.migrate_error IS 'Why it has none although it was given one';
COMMENT ON COLUMN lockstep.session.registered_at IS 'When it registered';
COMMENT ON COLUMN lockstep.session.admitted_at IS 'When its gate opened';
COMMENT ON COLUMN lockstep.session.ended_at IS 'When it was closed or expired';
COMMENT ON COLUMN lockstep.session.reserved_until IS 'Of a starting one: from when on it may be expired';
COMMENT ON COLUMN lockstep.session.silent_since IS 'Of a suspect one: it was not heard after this';
COMMENT ON COLUMN lockstep.session.superseded_by IS 'A newer start of the instance, whose hello came when this one was heard no more';
COMMENT ON COLUMN lockstep.session.backend_seen_at IS 'Of a suspect one: when a backend of it was last seen';
COMMENT ON COLUMN lockstep.session.attested_at IS 'When somebody stated that its process is gone';
COMMENT ON COLUMN lockstep.session.attested_by IS 'Who stated it';
COMMENT ON COLUMN lockstep.session.attest_reason IS 'How he knows';
COMMENT ON COLUMN lockstep.session.end_rule IS 'By which rule it ended: goodbye, reservation, ttl, newer start, attested, policy, override';

CREATE TABLE lockstep.pin (
  pin_id text PRIMARY KEY,
  service text NOT NULL,
  build text NOT NULL,
  built_for integer NOT NULL,
  needs integer NOT NULL,
  adapted_to integer NOT NULL,
  uses text[],
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  actor text NOT NULL CHECK (actor <> ''),
  reason text NOT NULL CHECK (reason <> ''),
  ended_at timestamptz,
  end_rule text CHECK (end_rule IN ('expired', 'retired', 'override')),
  CHECK ((ended_at IS NULL) = (end_rule IS NULL))
);
CREATE UNIQUE INDEX pin_build ON lockstep.pin (service, build) WHERE ended_at IS NULL;
COMMENT ON TABLE lockstep.pin IS 'Builds that count as live although none of them runs, so that one can go back to them; until ended_at is set';
COMMENT ON COLUMN lockstep.pin.pin_id IS 'pin- and twelve hexadecimal digits';
COMMENT ON COLUMN lockstep.pin.service IS 'Which service';
COMMENT ON COLUMN lockstep.pin.build IS 'Which image or commit of it';
COMMENT ON COLUMN lockstep.pin.built_for IS 'Newest version of the chain the build was made with';
COMMENT ON COLUMN lockstep.pin.needs IS 'Lowest applied version it runs on';
COMMENT ON COLUMN lockstep.pin.adapted_to IS 'It no longer uses what contracts up to here remove';
COMMENT ON COLUMN lockstep.pin.uses IS 'What it touches; NULL when not declared';
COMMENT ON COLUMN lockstep.pin.created_at IS 'When it was first pinned';
COMMENT ON COLUMN lockstep.pin.expires_at IS 'From when on it may be ended; it counts until it is';
COMMENT ON COLUMN lockstep.pin.actor IS 'Who asked, last';
COMMENT ON COLUMN lockstep.pin.reason IS 'Why';
COMMENT ON COLUMN lockstep.pin.ended_at IS 'When it ceased to count';
COMMENT ON COLUMN lockstep.pin.end_rule IS 'expired, retired, or override: its contract ran although it was pinned';

CREATE TABLE lockstep.override (
  override_id text PRIMARY KEY,
  contract integer NOT NULL REFERENCES lockstep.migration (version),
  actor text NOT NULL CHECK (actor <> ''),
  reason text NOT NULL CHECK (reason <> ''),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX override_contract ON lockstep.override (contract);
COMMENT ON TABLE lockstep.override IS 'Human exceptions: a contract may run although it concerns the targets named, until expires_at';
COMMENT ON COLUMN lockstep.override.override_id IS 'ov- and twelve hexadecimal digits';
COMMENT ON COLUMN lockstep.override.contract IS 'For which contract';
COMMENT ON COLUMN lockstep.override.actor IS 'Who decided it';
COMMENT ON COLUMN lockstep.override.reason IS 'Why';
COMMENT ON COLUMN lockstep.override.created_at IS 'When';
COMMENT ON COLUMN lockstep.override.expires_at IS 'From when on its targets count again';
COMMENT ON COLUMN lockstep.override.used_at IS 'When the contract ran because of it';

CREATE TABLE lockstep.override_target (
  override_id text NOT NULL REFERENCES lockstep.override (override_id),
  kind text NOT NULL CHECK (kind IN ('session', 'pin')),
  id text NOT NULL,
  name text NOT NULL,
  broken boolean NOT NULL DEFAULT false,
  PRIMARY KEY (override_id, kind, id)
);
CREATE INDEX override_target_id ON lockstep.override_target (kind, id);
COMMENT ON TABLE lockstep.override_target IS 'Whom an override is about: exactly these, and nobody who comes later';
COMMENT ON COLUMN lockstep.override_target.override_id IS 'Which override';
COMMENT ON COLUMN lockstep.override_target.kind IS 'session or pin';
COMMENT ON COLUMN lockstep.override_target.id IS 'Its session_id or pin_id';
COMMENT ON COLUMN lockstep.override_target.name IS 'What was shown to whoever decided: service@build and the instance';
COMMENT ON COLUMN lockstep.override_target.broken IS 'True when it still counted as the contract ran';

CREATE TABLE lockstep.operation (
  operation_id text PRIMARY KEY,
  request_id text NOT NULL UNIQUE,
  request_digest bytea NOT NULL,
  kind text NOT NULL CHECK (kind IN ('upgrade', 'contract')),
  state text NOT NULL CHECK (state IN ('running', 'paused', 'cancelling', 'succeeded', 'failed', 'cancelled')),
  target integer NOT NULL,
  contracts boolean NOT NULL,
  start_version integer NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  not_before timestamptz,
  error jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  terminate_idle interval,
  retries integer NOT NULL DEFAULT 0,
  resumed_at timestamptz,
  when_drained boolean NOT NULL DEFAULT false,
  deadline_after interval,
  deadline timestamptz,
  soak interval,
  quiet_since timestamptz,
  accept_unknown text
);
COMMENT ON TABLE lockstep.operation IS 'What release tooling asked for';
COMMENT ON COLUMN lockstep.operation.operation_id IS 'op- and twelve hexadecimal digits';
COMMENT ON COLUMN lockstep.operation.request_id IS 'The caller''s id: the same id starts the same operation once';
COMMENT ON COLUMN lockstep.operation.request_digest IS 'SHA-256 of the request, to notice a reused id';
COMMENT ON COLUMN lockstep.operation.kind IS 'What it does';
COMMENT ON COLUMN lockstep.operation.state IS 'Where it stands';
COMMENT ON COLUMN lockstep.operation.target IS 'The version to reach';
COMMENT ON COLUMN lockstep.operation.contracts IS 'Whether it runs contracts too';
COMMENT ON COLUMN lockstep.operation.start_version IS 'The applied version when it started';
COMMENT ON COLUMN lockstep.operation.actor IS 'Who asked';
COMMENT ON COLUMN lockstep.operation.reason IS 'Why';
COMMENT ON COLUMN lockstep.operation.attempts IS 'How many runs were granted for it';
COMMENT ON COLUMN lockstep.operation.not_before IS 'When the next run may be granted';
COMMENT ON COLUMN lockstep.operation.error IS 'Why it failed, or what the last attempt met';
COMMENT ON COLUMN lockstep.operation.created_at IS 'When it was asked for';
COMMENT ON COLUMN lockstep.operation.ended_at IS 'When it ended';
COMMENT ON COLUMN lockstep.operation.terminate_idle IS 'Sessions idle in a transaction for this long are ended when they keep a lock that it waits for';
COMMENT ON COLUMN lockstep.operation.retries IS 'How often it was told to go on after it had ended';
COMMENT ON COLUMN lockstep.operation.resumed_at IS 'When a person last told it to go on: what failed before does not count';
COMMENT ON COLUMN lockstep.operation.when_drained IS 'Of a contract: it waits for those whom it concerns to leave';
COMMENT ON COLUMN lockstep.operation.deadline_after IS 'Of a contract with a barrier: how long it was given; NULL without a barrier';
COMMENT ON COLUMN lockstep.operation.deadline IS 'Of a contract with a barrier: when it ends if it has not run';
COMMENT ON COLUMN lockstep.operation.soak IS 'Of a contract: for how long it has to concern nobody before it runs';
COMMENT ON COLUMN lockstep.operation.quiet_since IS 'Of a contract: since when it concerns nobody; NULL while it does';
COMMENT ON COLUMN lockstep.operation.accept_unknown IS 'Of a contract: why clients that nobody has declared do not hold it up; NULL when they do';
-- One of a kind: a contract that waits for the fleet must not hold up upgrades.
CREATE UNIQUE INDEX operation_active ON lockstep.operation (kind) WHERE state IN ('running', 'paused', 'cancelling');
CREATE INDEX operation_created ON lockstep.operation (created_at DESC);

CREATE TABLE lockstep.attempt (
  lease_epoch bigint PRIMARY KEY,
  operation text NOT NULL,
  session uuid NOT NULL,
  holder text NOT NULL,
  first integer NOT NULL,
  last integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text,
  committed integer,
  error jsonb
);
CREATE INDEX attempt_operation ON lockstep.attempt (operation, lease_epoch);
COMMENT ON TABLE lockstep.attempt IS 'Every run that was granted, also those that failed';
COMMENT ON COLUMN lockstep.attempt.lease_epoch IS 'The epoch of its lease';
COMMENT ON COLUMN lockstep.attempt.operation IS 'For which operation';
COMMENT ON COLUMN lockstep.attempt.session IS 'Who held it';
COMMENT ON COLUMN lockstep.attempt.holder IS 'service@instance of that session';
COMMENT ON COLUMN lockstep.attempt.first IS 'First version of the run';
COMMENT ON COLUMN lockstep.attempt.last IS 'Last version of the run';
COMMENT ON COLUMN lockstep.attempt.started_at IS 'When it was granted';
COMMENT ON COLUMN lockstep.attempt.ended_at IS 'When it ended';
COMMENT ON COLUMN lockstep.attempt.outcome IS 'succeeded, failed, not started, unknown or revoked';
COMMENT ON COLUMN lockstep.attempt.committed IS 'Newest version of the run that is committed';
COMMENT ON COLUMN lockstep.attempt.error IS 'Version, statement, SQLSTATE, message, who was in the way; lost: its holder died or went silent';

CREATE TABLE lockstep.event (
  revision bigint PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind text NOT NULL,
  version integer,
  operation text,
  detail jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE lockstep.event IS 'What happened, written in the transaction of the change';
COMMENT ON COLUMN lockstep.event.revision IS 'Order of events; no gaps';
COMMENT ON COLUMN lockstep.event.at IS 'When';
COMMENT ON COLUMN lockstep.event.kind IS 'What';
COMMENT ON COLUMN lockstep.event.version IS 'Which migration';
COMMENT ON COLUMN lockstep.event.operation IS 'Which operation';
COMMENT ON COLUMN lockstep.event.detail IS 'More';

CREATE TABLE lockstep.audit (
  number bigint PRIMARY KEY,
  revision bigint NOT NULL,
  at timestamptz NOT NULL,
  action text NOT NULL,
  actor text NOT NULL,
  reason text NOT NULL,
  version integer,
  operation text,
  detail jsonb NOT NULL,
  hash bytea NOT NULL
);
COMMENT ON TABLE lockstep.audit IS 'What people decided, written with its effect; append-only, each row bound to the one before by its hash';
COMMENT ON COLUMN lockstep.audit.number IS 'Order, from 1, without gaps';
COMMENT ON COLUMN lockstep.audit.revision IS 'The event of it';
COMMENT ON COLUMN lockstep.audit.at IS 'When';
COMMENT ON COLUMN lockstep.audit.action IS 'What: the kind of the event';
COMMENT ON COLUMN lockstep.audit.actor IS 'Who';
COMMENT ON COLUMN lockstep.audit.reason IS 'Why, in his words; may be empty where no reason is asked for';
COMMENT ON COLUMN lockstep.audit.version IS 'Which migration';
COMMENT ON COLUMN lockstep.audit.operation IS 'Which operation';
COMMENT ON COLUMN lockstep.audit.detail IS 'More';
COMMENT ON COLUMN lockstep.audit.hash IS 'SHA-256 over the hash before and everything in this row';

INSERT INTO lockstep.chain (gate_seq, chain_hash) VALUES (1, decode(repeat('00', 32), 'hex'));
INSERT INTO lockstep.lease (epoch, state) VALUES (1, 'idle');
