-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad not run: PostgreSQL 10 and older, which lockstep does not run on; later ones keep the default beside the rows
ALTER TABLE parcels ADD COLUMN fragile boolean DEFAULT false;
-- good
ALTER TABLE parcels ADD COLUMN fragile boolean;
-- good
ALTER TABLE parcels ALTER COLUMN fragile SET DEFAULT false;
