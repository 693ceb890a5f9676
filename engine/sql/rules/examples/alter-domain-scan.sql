-- setup
CREATE DOMAIN kilos AS int;
CREATE TABLE parcels (id bigint PRIMARY KEY, weight kilos);
INSERT INTO parcels VALUES (1, 4);
-- bad
ALTER DOMAIN kilos ADD CONSTRAINT positive CHECK (VALUE > 0);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_weight_ok CHECK (weight > 0) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_weight_ok;
