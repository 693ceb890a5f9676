-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
SET ROLE pg_monitor;
RESET ROLE;
-- good
ALTER TABLE parcels ADD COLUMN note text;
