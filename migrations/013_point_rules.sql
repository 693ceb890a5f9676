-- How many points an event is worth: data, so that it changes without a release.

CREATE TABLE IF NOT EXISTS point_rules (
    id serial PRIMARY KEY,
    event_type varchar(100) NOT NULL,
    points integer NOT NULL DEFAULT 0,
    is_active boolean NOT NULL DEFAULT true,
    metadata json,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX IF NOT EXISTS ix_point_rules_event_type ON point_rules (event_type);
