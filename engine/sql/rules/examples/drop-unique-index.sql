-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE UNIQUE INDEX parcels_city_key ON parcels (city);
-- bad
DROP INDEX CONCURRENTLY parcels_city_key;
