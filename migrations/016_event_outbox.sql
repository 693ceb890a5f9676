-- Transactional outbox: events wait here until a publisher has put them on
-- their stream.

CREATE TABLE IF NOT EXISTS event_outbox (
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

CREATE UNIQUE INDEX IF NOT EXISTS ix_event_outbox_event_id ON event_outbox (event_id);

CREATE INDEX IF NOT EXISTS ix_event_outbox_stream ON event_outbox (stream);

CREATE INDEX IF NOT EXISTS ix_event_outbox_status ON event_outbox (status);

CREATE INDEX IF NOT EXISTS ix_event_outbox_available_at ON event_outbox (available_at);

CREATE INDEX IF NOT EXISTS ix_event_outbox_locked_at ON event_outbox (locked_at);
