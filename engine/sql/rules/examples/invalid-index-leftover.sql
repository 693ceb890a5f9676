-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE INDEX parcels_city_idx ON parcels (city);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'parcels_city_idx'::regclass;
-- bad
CREATE INDEX CONCURRENTLY IF NOT EXISTS parcels_city_idx ON parcels (city);
-- good
DROP INDEX CONCURRENTLY parcels_city_idx;
-- good
CREATE INDEX CONCURRENTLY parcels_city_idx ON parcels (city);
