-- Journeys: a template and its steps say what to do, a run and its step runs
-- record what one user did.

CREATE TABLE IF NOT EXISTS journey_templates (
    id uuid PRIMARY KEY,
    code varchar(80) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    description text,
    target_role varchar(50) NOT NULL,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS journey_steps (
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

CREATE TABLE IF NOT EXISTS journey_runs (
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

CREATE TABLE IF NOT EXISTS journey_step_runs (
    id uuid PRIMARY KEY,
    journey_run_id uuid NOT NULL REFERENCES journey_runs (id) ON DELETE CASCADE,
    step_key varchar(120) NOT NULL,
    status varchar(30) DEFAULT 'completed',
    payload jsonb DEFAULT '{}',
    result jsonb DEFAULT '{}',
    metadata jsonb DEFAULT '{}',
    executed_at timestamptz DEFAULT now()
);
