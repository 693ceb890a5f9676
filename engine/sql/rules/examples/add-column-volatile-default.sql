-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels ADD COLUMN token uuid DEFAULT gen_random_uuid();
-- good
ALTER TABLE parcels ADD COLUMN token uuid, ALTER COLUMN token SET DEFAULT gen_random_uuid();
-- good
UPDATE parcels SET token = gen_random_uuid() WHERE token IS NULL AND id BETWEEN 1 AND 1000;
