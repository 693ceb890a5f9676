-- setup
CREATE TABLE parcels (id bigint, city text);
INSERT INTO parcels VALUES (1, 'Bergen');
-- bad
ALTER TABLE parcels ADD CONSTRAINT parcels_pkey PRIMARY KEY (id);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_id_nn CHECK (id IS NOT NULL) NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT parcels_id_nn;
-- good
ALTER TABLE parcels ALTER COLUMN id SET NOT NULL;
-- good
ALTER TABLE parcels DROP CONSTRAINT parcels_id_nn;
-- good
CREATE UNIQUE INDEX CONCURRENTLY parcels_pkey ON parcels (id);
-- good
ALTER TABLE parcels ADD CONSTRAINT parcels_pkey PRIMARY KEY USING INDEX parcels_pkey;
