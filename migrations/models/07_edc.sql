-- Dataspace connector: participants, assets, contract negotiations, transfers.

CREATE TABLE edc_participants (
    id uuid PRIMARY KEY,
    participant_id varchar(255) NOT NULL UNIQUE,
    name varchar(255),
    metadata jsonb DEFAULT '{}'
);

CREATE TABLE edc_assets (
    id uuid PRIMARY KEY,
    asset_id varchar(255) NOT NULL UNIQUE,
    name varchar(255),
    policy_odrl jsonb DEFAULT '{}',
    data_address jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE edc_negotiations (
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

CREATE TABLE edc_transfers (
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
