-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE INDEX parcels_city_idx ON parcels (city);
-- bad
DROP INDEX parcels_city_idx;
-- good
DROP INDEX CONCURRENTLY IF EXISTS parcels_city_idx;
