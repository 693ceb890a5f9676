-- Events, their outbox, and the audit trail.

CREATE TABLE event_logs (
    id serial PRIMARY KEY,
    event_id varchar(64) NOT NULL,
    event_type varchar(120) NOT NULL,
    user_id varchar(120) NOT NULL DEFAULT '',
    source_service varchar(80) NOT NULL,
    version varchar(16) NOT NULL DEFAULT '1',
    session_id varchar(64),
    run_id varchar(64),
    request_id varchar(128),
    event_timestamp timestamptz NOT NULL,
    stream varchar(120) NOT NULL DEFAULT 'simulation.events',
    stream_message_id varchar(64),
    published boolean NOT NULL DEFAULT true,
    publish_error text,
    metadata json,
    payload json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX ix_event_logs_event_id ON event_logs (event_id);

CREATE INDEX ix_event_logs_event_type ON event_logs (event_type);

CREATE INDEX ix_event_logs_source_service ON event_logs (source_service);

CREATE INDEX ix_event_logs_request_id ON event_logs (request_id);

CREATE INDEX ix_event_logs_session_ts ON event_logs (session_id, event_timestamp);

CREATE INDEX ix_event_logs_run_ts ON event_logs (run_id, event_timestamp);

CREATE TABLE event_outbox (
    id serial PRIMARY KEY,
    event_id varchar(64) NOT NULL,
    stream varchar(120) NOT NULL,
    payload json NOT NULL,
    status varchar(24) NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL DEFAULT now(),
    locked_at timestamptz,
    last_error text,
    stream_message_id varchar(64),
    published_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX ix_event_outbox_event_id ON event_outbox (event_id);

CREATE INDEX ix_event_outbox_stream ON event_outbox (stream);

CREATE INDEX ix_event_outbox_status ON event_outbox (status);

CREATE INDEX ix_event_outbox_available_at ON event_outbox (available_at);

CREATE INDEX ix_event_outbox_locked_at ON event_outbox (locked_at);

CREATE TABLE audit_logs (
    id uuid PRIMARY KEY,
    action varchar(120) NOT NULL,
    actor_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    actor_subject varchar(255),
    object_type varchar(80) NOT NULL,
    object_id varchar(128) NOT NULL,
    session_id varchar(64),
    run_id varchar(64),
    request_id varchar(128),
    payload_hash varchar(64) NOT NULL,
    details json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX ix_audit_logs_action ON audit_logs (action);

CREATE INDEX ix_audit_logs_object_type ON audit_logs (object_type);

CREATE INDEX ix_audit_logs_object_id ON audit_logs (object_id);

CREATE INDEX ix_audit_logs_session_id ON audit_logs (session_id);

CREATE INDEX ix_audit_logs_run_id ON audit_logs (run_id);

CREATE INDEX ix_audit_logs_request_id ON audit_logs (request_id);

CREATE INDEX ix_audit_logs_created_at ON audit_logs (created_at);
