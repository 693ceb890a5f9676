-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ALTER COLUMN city SET NOT NULL;
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_city_nn CHECK (city IS NOT NULL) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_city_nn;
-- good
ALTER TABLE parcels ALTER COLUMN city SET NOT NULL;
-- good
ALTER TABLE parcels DROP CONSTRAINT parcels_city_nn;
