-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
CREATE INDEX parcels_city_idx ON parcels (city);
-- good
CREATE INDEX CONCURRENTLY IF NOT EXISTS parcels_city_idx ON parcels (city);
