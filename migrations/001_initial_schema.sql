-- The core of the Playground: users and the roles they play, epics and user
-- stories, training sessions and progress, product passports, and the first
-- EDC table.

CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY,
    keycloak_id varchar(255) NOT NULL UNIQUE,
    email varchar(255) NOT NULL UNIQUE,
    display_name varchar(255),
    organization varchar(255),
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS user_roles (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    role_type varchar(50) NOT NULL,
    is_active boolean,
    preferences jsonb DEFAULT '{}',
    UNIQUE (user_id, role_type)
);

CREATE TABLE IF NOT EXISTS epics (
    id serial PRIMARY KEY,
    code varchar(20) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    description text,
    story_count integer DEFAULT 0,
    order_index integer,
    prerequisite_epics integer[] DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS user_stories (
    id serial PRIMARY KEY,
    epic_id integer REFERENCES epics (id),
    code varchar(30) NOT NULL UNIQUE,
    title varchar(255) NOT NULL,
    description text,
    acceptance_criteria jsonb NOT NULL,
    difficulty_level varchar(20) DEFAULT 'intermediate',
    estimated_duration_minutes integer,
    applicable_roles varchar(50)[] DEFAULT '{}',
    order_index integer
);

CREATE TABLE IF NOT EXISTS simulation_sessions (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    active_role varchar(50) NOT NULL,
    current_story_id integer REFERENCES user_stories (id),
    session_state jsonb DEFAULT '{}',
    started_at timestamptz DEFAULT now(),
    last_activity timestamptz DEFAULT now(),
    is_active boolean
);

CREATE TABLE IF NOT EXISTS story_progress (
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

CREATE TABLE IF NOT EXISTS dpp_instances (
    id uuid PRIMARY KEY,
    session_id uuid REFERENCES simulation_sessions (id),
    aas_identifier varchar(500) NOT NULL,
    product_identifier varchar(255),
    product_name varchar(255),
    product_category varchar(100),
    compliance_status jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS edc_negotiations (
    id uuid PRIMARY KEY,
    session_id uuid REFERENCES simulation_sessions (id),
    negotiation_id varchar(255) NOT NULL,
    provider_participant_id varchar(255),
    consumer_participant_id varchar(255),
    asset_id varchar(255),
    current_state varchar(30),
    policy_odrl jsonb,
    state_history jsonb DEFAULT '[]',
    created_at timestamptz DEFAULT now()
);
