-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD CONSTRAINT parcels_weight_ok CHECK (weight > 0) NOT VALID;
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_weight_ok;
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_weight_ok CHECK (weight > 0) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_weight_ok;
