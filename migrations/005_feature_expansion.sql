-- Passports remember the AASX package they came from, gap reports count their
-- votes, and EDC data transfers are recorded.

ALTER TABLE dpp_instances ADD COLUMN IF NOT EXISTS aasx_object_key varchar(500);

ALTER TABLE dpp_instances ADD COLUMN IF NOT EXISTS aasx_url varchar(500);

ALTER TABLE dpp_instances ADD COLUMN IF NOT EXISTS aasx_filename varchar(255);

ALTER TABLE gap_reports ADD COLUMN IF NOT EXISTS votes_count integer DEFAULT 0;

CREATE TABLE IF NOT EXISTS edc_transfers (
    id uuid PRIMARY KEY,
    transfer_id varchar(255) NOT NULL UNIQUE,
    session_id uuid REFERENCES simulation_sessions (id),
    asset_id varchar(255),
    consumer_participant_id varchar(255),
    provider_participant_id varchar(255),
    current_state varchar(30),
    state_history jsonb DEFAULT '[]',
    created_at timestamptz DEFAULT now()
);
