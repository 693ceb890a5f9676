-- Indexes for the journey lists and the feedback report.

CREATE INDEX IF NOT EXISTS ix_journey_runs_user_id ON journey_runs (user_id);

CREATE INDEX IF NOT EXISTS ix_journey_runs_status ON journey_runs (status);

CREATE INDEX IF NOT EXISTS ix_journey_step_runs_run ON journey_step_runs (journey_run_id);

CREATE INDEX IF NOT EXISTS ix_ux_feedback_created_at ON ux_feedback (created_at);
