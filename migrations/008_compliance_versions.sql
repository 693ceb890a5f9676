-- Compliance rules get versions, and the fixes applied to a report are kept.

CREATE TABLE IF NOT EXISTS compliance_rule_versions (
    id uuid PRIMARY KEY,
    regulation varchar(120) NOT NULL,
    version varchar(40) NOT NULL,
    rules jsonb DEFAULT '{}',
    effective_from timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now(),
    UNIQUE (regulation, version)
);

CREATE TABLE IF NOT EXISTS compliance_run_fixes (
    id uuid PRIMARY KEY,
    report_id uuid NOT NULL REFERENCES compliance_reports (id) ON DELETE CASCADE,
    path varchar(255) NOT NULL,
    value jsonb DEFAULT 'null',
    applied_by uuid REFERENCES users (id) ON DELETE SET NULL,
    applied_at timestamptz DEFAULT now()
);
