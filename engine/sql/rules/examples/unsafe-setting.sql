-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
SET LOCAL session_replication_role = replica;
DELETE FROM parcels WHERE id = 1;
-- good
DELETE FROM parcels WHERE id = 1;
