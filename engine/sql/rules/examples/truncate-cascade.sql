-- setup
CREATE TABLE depots (id bigint PRIMARY KEY);
INSERT INTO depots VALUES (7);
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
ALTER TABLE parcels ADD COLUMN depot bigint;
UPDATE parcels SET depot = 7;
ALTER TABLE parcels ADD FOREIGN KEY (depot) REFERENCES depots;
-- bad
TRUNCATE depots CASCADE;
-- good
DELETE FROM parcels WHERE id BETWEEN 1 AND 1000;
-- good
DELETE FROM depots WHERE id BETWEEN 1 AND 1000;
