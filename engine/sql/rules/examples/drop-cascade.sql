-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE VIEW heavy AS SELECT id, weight FROM parcels WHERE weight > 5;
-- bad
DROP TABLE parcels CASCADE;
-- good
DROP VIEW heavy;
-- good
DROP TABLE parcels;
