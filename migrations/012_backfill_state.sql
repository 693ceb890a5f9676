-- Which named backfills have completed, for the platform's own scripts.

CREATE TABLE IF NOT EXISTS migration_backfill_state (
    id serial PRIMARY KEY,
    name varchar(80) NOT NULL UNIQUE,
    completed_at timestamptz DEFAULT now()
);
