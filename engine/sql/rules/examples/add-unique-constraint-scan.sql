-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD CONSTRAINT parcels_city_key UNIQUE (city);
-- good
CREATE UNIQUE INDEX CONCURRENTLY parcels_city_key ON parcels (city);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_city_key UNIQUE USING INDEX parcels_city_key;
