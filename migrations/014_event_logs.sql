-- Every domain event that a service emitted, and whether it was published.

CREATE TABLE IF NOT EXISTS event_logs (
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

CREATE UNIQUE INDEX IF NOT EXISTS ix_event_logs_event_id ON event_logs (event_id);

CREATE INDEX IF NOT EXISTS ix_event_logs_event_type ON event_logs (event_type);

CREATE INDEX IF NOT EXISTS ix_event_logs_source_service ON event_logs (source_service);

CREATE INDEX IF NOT EXISTS ix_event_logs_request_id ON event_logs (request_id);

CREATE INDEX IF NOT EXISTS ix_event_logs_session_ts ON event_logs (session_id, event_timestamp);

CREATE INDEX IF NOT EXISTS ix_event_logs_run_ts ON event_logs (run_id, event_timestamp);
