-- A session points to its journey run. Together with journey_runs.session_id
-- this is a circular reference, so the column has to come after both tables.

ALTER TABLE simulation_sessions
    ADD COLUMN IF NOT EXISTS journey_run_id uuid
    CONSTRAINT fk_simulation_sessions_journey_run
    REFERENCES journey_runs (id) ON DELETE SET NULL;
