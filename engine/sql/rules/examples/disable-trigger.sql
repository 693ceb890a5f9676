-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER watch BEFORE INSERT ON parcels FOR EACH ROW EXECUTE FUNCTION watch();
-- bad
ALTER TABLE parcels DISABLE TRIGGER watch;
-- good
CREATE OR REPLACE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.city = 'Turku' THEN RETURN NEW; END IF;
  RETURN NEW;
END $$;
