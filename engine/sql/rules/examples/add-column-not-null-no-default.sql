-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad 23502
ALTER TABLE parcels ADD COLUMN receiver text NOT NULL;
-- good
ALTER TABLE parcels ADD COLUMN receiver text;
-- good
UPDATE parcels SET receiver = 'unknown' WHERE receiver IS NULL AND id BETWEEN 1 AND 1000;
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_receiver_nn CHECK (receiver IS NOT NULL) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_receiver_nn;
-- good
ALTER TABLE parcels ALTER COLUMN receiver SET NOT NULL;
-- good
ALTER TABLE parcels DROP CONSTRAINT parcels_receiver_nn;
