-- Book-keeping of the platform's own maintenance scripts.

CREATE TABLE migration_backfill_state (
    id serial PRIMARY KEY,
    name varchar(80) NOT NULL UNIQUE,
    completed_at timestamptz DEFAULT now()
);
