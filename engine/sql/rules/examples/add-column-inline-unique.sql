-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD COLUMN code text UNIQUE;
-- good
ALTER TABLE parcels ADD COLUMN code text;
-- good
CREATE UNIQUE INDEX CONCURRENTLY parcels_code_key ON parcels (code);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_code_key UNIQUE USING INDEX parcels_code_key;
