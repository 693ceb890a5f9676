-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ALTER COLUMN weight TYPE bigint;
-- good
ALTER TABLE parcels ADD COLUMN weight_new bigint;
-- good
CREATE FUNCTION parcels_weight() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.weight_new := NEW.weight;
  RETURN NEW;
END $$;
CREATE TRIGGER parcels_weight BEFORE INSERT OR UPDATE ON parcels
  FOR EACH ROW EXECUTE FUNCTION parcels_weight();
-- good
UPDATE parcels SET weight_new = weight WHERE weight_new IS NULL AND id BETWEEN 1 AND 1000;
