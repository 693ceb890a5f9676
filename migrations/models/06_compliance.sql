-- Compliance rules and their versions, reports, and the fixes applied to them.

CREATE TABLE compliance_rule_versions (
    id uuid PRIMARY KEY,
    regulation varchar(120) NOT NULL,
    version varchar(40) NOT NULL,
    rules jsonb DEFAULT '{}',
    effective_from timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now(),
    UNIQUE (regulation, version)
);

CREATE TABLE compliance_reports (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    session_id uuid REFERENCES simulation_sessions (id),
    story_code varchar(30),
    regulations jsonb,
    status varchar(30),
    report jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE compliance_run_fixes (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL REFERENCES compliance_reports (id) ON DELETE CASCADE,
    path varchar(255) NOT NULL,
    value jsonb DEFAULT 'null',
    applied_by uuid REFERENCES users (id) ON DELETE SET NULL,
    applied_at timestamptz DEFAULT now()
);

CREATE TABLE validation_results (
    id varchar PRIMARY KEY,
    result jsonb DEFAULT '{}'
);
