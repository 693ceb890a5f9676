-- setup
CREATE DOMAIN kilos AS int CHECK (VALUE > 0);
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD COLUMN tare kilos;
-- good
ALTER TABLE parcels ADD COLUMN tare int;
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_tare_ok CHECK (tare > 0) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_tare_ok;
