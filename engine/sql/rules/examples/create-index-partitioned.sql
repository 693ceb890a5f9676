-- setup
CREATE TABLE scans (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE scans_2024 PARTITION OF scans FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
-- bad
CREATE INDEX scans_id_idx ON scans (id);
-- good
CREATE INDEX scans_id_idx ON ONLY scans (id);
-- good
CREATE INDEX CONCURRENTLY scans_2024_id_idx ON scans_2024 (id);
-- good
ALTER INDEX scans_id_idx ATTACH PARTITION scans_2024_id_idx;
