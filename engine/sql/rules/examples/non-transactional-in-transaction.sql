-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad 25001
ALTER TABLE parcels ADD COLUMN note text;
CREATE INDEX CONCURRENTLY parcels_city_idx ON parcels (city);
-- good
ALTER TABLE parcels ADD COLUMN note text;
-- good
-- lockstep:transaction none
CREATE INDEX CONCURRENTLY parcels_city_idx ON parcels (city);
