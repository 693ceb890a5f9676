-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
-- lockstep:allow drop-colum city is unused
ALTER TABLE parcels DROP COLUMN city;
-- good
-- lockstep:allow drop-column city is unused
ALTER TABLE parcels DROP COLUMN city;
