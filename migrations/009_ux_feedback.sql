-- Scores and comments that users give at the end of a flow.

CREATE TABLE IF NOT EXISTS ux_feedback (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    journey_run_id uuid REFERENCES journey_runs (id) ON DELETE SET NULL,
    locale varchar(10) DEFAULT 'en',
    role varchar(50) NOT NULL,
    flow varchar(120) NOT NULL,
    score integer NOT NULL,
    comment text,
    created_at timestamptz DEFAULT now()
);
