-- Digital twins: snapshots of a passport as a graph of nodes and edges.

CREATE TABLE digital_twin_snapshots (
    id uuid PRIMARY KEY,
    dpp_instance_id uuid NOT NULL REFERENCES dpp_instances (id) ON DELETE CASCADE,
    label varchar(255),
    metadata jsonb DEFAULT '{}',
    created_at timestamptz DEFAULT now()
);

CREATE TABLE digital_twin_nodes (
    id uuid PRIMARY KEY,
    snapshot_id uuid NOT NULL REFERENCES digital_twin_snapshots (id) ON DELETE CASCADE,
    node_key varchar(120) NOT NULL,
    node_type varchar(60) NOT NULL,
    label varchar(255) NOT NULL,
    payload jsonb DEFAULT '{}',
    UNIQUE (snapshot_id, node_key)
);

CREATE TABLE digital_twin_edges (
    id uuid PRIMARY KEY,
    snapshot_id uuid NOT NULL REFERENCES digital_twin_snapshots (id) ON DELETE CASCADE,
    edge_key varchar(120) NOT NULL,
    source_node_key varchar(120) NOT NULL,
    target_node_key varchar(120) NOT NULL,
    label varchar(255),
    payload jsonb DEFAULT '{}',
    UNIQUE (snapshot_id, edge_key)
);
