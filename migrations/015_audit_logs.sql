-- Who did what to which object, with a hash of the payload.

CREATE TABLE IF NOT EXISTS audit_logs (
    id uuid PRIMARY KEY,
    action varchar(120) NOT NULL,
    actor_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    actor_subject varchar(255),
    object_type varchar(80) NOT NULL,
    object_id varchar(128) NOT NULL,
    session_id varchar(64),
    run_id varchar(64),
    request_id varchar(128),
    payload_hash varchar(64) NOT NULL,
    details json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS ix_audit_logs_action ON audit_logs (action);

CREATE INDEX IF NOT EXISTS ix_audit_logs_object_type ON audit_logs (object_type);

CREATE INDEX IF NOT EXISTS ix_audit_logs_object_id ON audit_logs (object_id);

CREATE INDEX IF NOT EXISTS ix_audit_logs_session_id ON audit_logs (session_id);

CREATE INDEX IF NOT EXISTS ix_audit_logs_run_id ON audit_logs (run_id);

CREATE INDEX IF NOT EXISTS ix_audit_logs_request_id ON audit_logs (request_id);

CREATE INDEX IF NOT EXISTS ix_audit_logs_created_at ON audit_logs (created_at);
