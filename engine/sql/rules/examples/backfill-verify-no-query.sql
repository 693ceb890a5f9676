-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, price numeric, cents bigint DEFAULT 0);
INSERT INTO parcels VALUES (1, 4.2), (2, 9);
-- bad 42601
-- lockstep:after 1
-- lockstep:table parcels
-- lockstep:key id

-- lockstep:section batch
UPDATE parcels SET cents = price * 100 WHERE id > $1 AND id <= $2 AND cents = 0;

-- lockstep:section verify
DELETE FROM parcels WHERE cents = 0 RETURNING id;
-- good
-- lockstep:after 1
-- lockstep:table parcels
-- lockstep:key id

-- lockstep:section batch
UPDATE parcels SET cents = price * 100 WHERE id > $1 AND id <= $2 AND cents = 0;

-- lockstep:section verify
SELECT id FROM parcels WHERE cents = 0;
