-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, price numeric, cents bigint);
INSERT INTO parcels VALUES (1, 4.2), (2, 9);
-- bad failed
-- lockstep:after 1
-- lockstep:table parcels
-- lockstep:key id

-- lockstep:section batch
UPDATE parcels SET cents = price * 100 WHERE id > $1 AND id <= $2 AND cents IS NULL;

-- lockstep:section verify
SELECT id FROM parcels WHERE cents IS NULL;
-- meanwhile
INSERT INTO parcels (id, price) VALUES (3, 1.5);
-- good
CREATE FUNCTION parcels_fill_cents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.cents := NEW.price * 100;
  RETURN NEW;
END $$;
CREATE TRIGGER parcels_fill_cents BEFORE INSERT OR UPDATE ON parcels
FOR EACH ROW EXECUTE FUNCTION parcels_fill_cents();
-- good
-- lockstep:after 2
-- lockstep:table parcels
-- lockstep:key id

-- lockstep:section batch
UPDATE parcels SET cents = price * 100 WHERE id > $1 AND id <= $2 AND cents IS NULL;

-- lockstep:section verify
SELECT id FROM parcels WHERE cents IS NULL;
