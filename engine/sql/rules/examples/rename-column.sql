-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels RENAME COLUMN city TO town;
-- good
ALTER TABLE parcels ADD COLUMN town text;
-- good
CREATE FUNCTION parcels_town() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.town := NEW.city;
  RETURN NEW;
END $$;
CREATE TRIGGER parcels_town BEFORE INSERT OR UPDATE ON parcels
  FOR EACH ROW EXECUTE FUNCTION parcels_town();
-- good
UPDATE parcels SET town = city WHERE town IS NULL AND id BETWEEN 1 AND 1000;
