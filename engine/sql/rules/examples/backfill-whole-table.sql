-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, grams bigint NOT NULL);
INSERT INTO parcels SELECT n, 2 FROM generate_series(1, 300) AS n;
-- bad failed
-- lockstep:after 1
-- lockstep:table parcels
-- lockstep:key id
-- lockstep:batch 100

-- lockstep:section batch
UPDATE parcels SET grams = grams * 1000;

-- lockstep:section verify
SELECT id FROM parcels WHERE grams <> 2000;
-- good
-- lockstep:after 1
-- lockstep:table parcels
-- lockstep:key id
-- lockstep:batch 100

-- lockstep:section batch
UPDATE parcels SET grams = grams * 1000 WHERE id > $1 AND id <= $2;

-- lockstep:section verify
SELECT id FROM parcels WHERE grams <> 2000;
