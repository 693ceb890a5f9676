-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad 22001
ALTER TABLE parcels ALTER COLUMN city TYPE varchar(5);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_city_short CHECK (length(city) <= 5) NOT VALID;
-- good
UPDATE parcels SET city = left(city, 5) WHERE length(city) > 5 AND id BETWEEN 1 AND 1000;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_city_short;
