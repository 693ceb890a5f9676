-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD COLUMN grams int GENERATED ALWAYS AS (weight * 1000) STORED;
-- good
ALTER TABLE parcels ADD COLUMN grams int;
-- good
CREATE FUNCTION parcels_grams() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.grams := NEW.weight * 1000;
  RETURN NEW;
END $$;
CREATE TRIGGER parcels_grams BEFORE INSERT OR UPDATE ON parcels
  FOR EACH ROW EXECUTE FUNCTION parcels_grams();
-- good
UPDATE parcels SET grams = weight * 1000 WHERE grams IS NULL AND id BETWEEN 1 AND 1000;
