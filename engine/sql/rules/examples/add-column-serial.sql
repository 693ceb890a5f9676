-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD COLUMN label serial;
-- good
CREATE SEQUENCE parcels_label_seq;
ALTER TABLE parcels ADD COLUMN label bigint;
-- good
ALTER TABLE parcels ALTER COLUMN label SET DEFAULT nextval('parcels_label_seq');
-- good
UPDATE parcels SET label = nextval('parcels_label_seq') WHERE label IS NULL AND id BETWEEN 1 AND 1000;
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_label_nn CHECK (label IS NOT NULL) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_label_nn;
-- good
ALTER TABLE parcels ALTER COLUMN label SET NOT NULL;
-- good
ALTER TABLE parcels DROP CONSTRAINT parcels_label_nn;
-- good
ALTER SEQUENCE parcels_label_seq OWNED BY parcels.label;
