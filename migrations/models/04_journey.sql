-- Journeys: templates and their steps, runs and their step runs, feedback.

CREATE TABLE journey_templates (
    id uuid PRIMARY KEY,
    code varchar(80) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    description text,
    target_role varchar(50) NOT NULL,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE journey_steps (
    id uuid PRIMARY KEY,
    template_id uuid REFERENCES journey_templates (id) ON DELETE CASCADE,
    step_key varchar(120) NOT NULL,
    title varchar(255) NOT NULL,
    action varchar(120) NOT NULL,
    order_index integer NOT NULL,
    help_text text,
    default_payload jsonb DEFAULT '{}',
    UNIQUE (template_id, step_key),
    UNIQUE (template_id, order_index)
);

CREATE TABLE journey_runs (
    id uuid PRIMARY KEY,
    template_id uuid REFERENCES journey_templates (id),
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    active_role varchar(50) NOT NULL,
    locale varchar(10) DEFAULT 'en',
    status varchar(30) DEFAULT 'active',
    current_step_key varchar(120),
    session_id uuid REFERENCES simulation_sessions (id) ON DELETE SET NULL,
    metadata jsonb DEFAULT '{}',
    started_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE INDEX ix_journey_runs_user_id ON journey_runs (user_id);

CREATE INDEX ix_journey_runs_status ON journey_runs (status);

CREATE TABLE journey_step_runs (
    id uuid PRIMARY KEY,
    journey_run_id uuid NOT NULL REFERENCES journey_runs (id) ON DELETE CASCADE,
    step_key varchar(120) NOT NULL,
    status varchar(30) DEFAULT 'completed',
    payload jsonb DEFAULT '{}',
    result jsonb DEFAULT '{}',
    metadata jsonb DEFAULT '{}',
    executed_at timestamptz DEFAULT now()
);

CREATE INDEX ix_journey_step_runs_run ON journey_step_runs (journey_run_id);

CREATE TABLE ux_feedback (
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

CREATE INDEX ix_ux_feedback_created_at ON ux_feedback (created_at);

-- journey_runs.session_id and simulation_sessions.journey_run_id point at each
-- other, so one of the two foreign keys comes after both tables.
ALTER TABLE simulation_sessions
    ADD CONSTRAINT fk_simulation_sessions_journey_run
    FOREIGN KEY (journey_run_id) REFERENCES journey_runs (id) ON DELETE SET NULL;
