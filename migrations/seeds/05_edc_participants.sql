-- The companies that meet in the simulated dataspace.

INSERT INTO edc_participants (id, participant_id, name, metadata)
VALUES
    ('5eed0003-0000-4000-8000-000000000001', 'BPNL-VOLTCELL', 'Voltcell Batteries GmbH', '{"role": "manufacturer", "country": "DE"}'),
    ('5eed0003-0000-4000-8000-000000000002', 'BPNL-SECONDLOOP', 'Second Loop Recycling ApS', '{"role": "recycler", "country": "DK"}'),
    ('5eed0003-0000-4000-8000-000000000003', 'BPNL-SURVEY', 'Market Surveillance Authority', '{"role": "regulator", "country": "BE"}')
ON CONFLICT (participant_id) DO UPDATE
SET name = EXCLUDED.name,
    metadata = EXCLUDED.metadata;
