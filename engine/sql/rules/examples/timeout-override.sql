-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
SET lock_timeout = 0;
ALTER TABLE parcels ADD COLUMN note text;
-- good
-- lockstep:lock-timeout 2s
ALTER TABLE parcels ADD COLUMN note text;
