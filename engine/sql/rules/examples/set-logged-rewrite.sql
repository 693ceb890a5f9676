-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels SET UNLOGGED;
-- good
CREATE UNLOGGED TABLE parcels_new (LIKE parcels INCLUDING ALL);
