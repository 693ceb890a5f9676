-- setup
CREATE TABLE depots (id bigint PRIMARY KEY);
INSERT INTO depots VALUES (7);
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
ALTER TABLE parcels ADD COLUMN depot bigint;
UPDATE parcels SET depot = 7;
-- bad
ALTER TABLE parcels ADD CONSTRAINT parcels_depot_fkey FOREIGN KEY (depot) REFERENCES depots;
-- good
CREATE INDEX CONCURRENTLY parcels_depot_idx ON parcels (depot);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_depot_fkey FOREIGN KEY (depot) REFERENCES depots NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_depot_fkey;
