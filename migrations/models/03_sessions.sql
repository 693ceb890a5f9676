-- Training sessions, progress in a story, and the passports made on the way.
-- The foreign key of journey_run_id follows in 04_journey.sql.

CREATE TABLE simulation_sessions (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    active_role varchar(50) NOT NULL,
    current_story_id integer REFERENCES user_stories (id),
    session_state jsonb DEFAULT '{}',
    started_at timestamptz DEFAULT now(),
    last_activity timestamptz DEFAULT now(),
    is_active boolean,
    journey_run_id uuid
);

CREATE TABLE story_progress (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    story_id integer REFERENCES user_stories (id),
    role_type varchar(50) NOT NULL,
    status varchar(30) DEFAULT 'not_started',
    completion_percentage integer DEFAULT 0,
    steps_completed jsonb DEFAULT '[]',
    validation_results jsonb,
    started_at timestamptz,
    completed_at timestamptz,
    time_spent_seconds integer DEFAULT 0,
    UNIQUE (user_id, story_id, role_type)
);

CREATE TABLE dpp_instances (
    id uuid PRIMARY KEY,
    session_id uuid REFERENCES simulation_sessions (id),
    aas_identifier varchar(500) NOT NULL,
    product_identifier varchar(255),
    product_name varchar(255),
    product_category varchar(100),
    compliance_status jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    aasx_object_key varchar(500),
    aasx_url varchar(500),
    aasx_filename varchar(255)
);
