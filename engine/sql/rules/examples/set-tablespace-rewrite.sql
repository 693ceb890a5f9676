-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad not run: the test server has no second tablespace
ALTER TABLE parcels SET TABLESPACE fast_disk;
