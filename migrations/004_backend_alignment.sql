-- A table for what the backend services serve: comments, votes and gap
-- reports, compliance results, EDC participants and assets.

CREATE TABLE IF NOT EXISTS comments (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    target_id varchar(255) NOT NULL,
    content text NOT NULL,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS votes (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    target_id varchar(255) NOT NULL,
    value integer DEFAULT 1,
    created_at timestamptz DEFAULT now(),
    UNIQUE (user_id, target_id)
);

CREATE TABLE IF NOT EXISTS gap_reports (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    story_id integer REFERENCES user_stories (id),
    description text NOT NULL,
    status varchar(30) DEFAULT 'open',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS compliance_reports (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    session_id uuid REFERENCES simulation_sessions (id),
    story_code varchar(30),
    regulations jsonb,
    status varchar(30),
    report jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS validation_results (
    id varchar PRIMARY KEY,
    result jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS edc_participants (
    id uuid PRIMARY KEY,
    participant_id varchar(255) NOT NULL UNIQUE,
    name varchar(255),
    metadata jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS edc_assets (
    id uuid PRIMARY KEY,
    asset_id varchar(255) NOT NULL UNIQUE,
    name varchar(255),
    policy_odrl jsonb DEFAULT '{}',
    data_address jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);
