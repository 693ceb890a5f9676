-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, code varchar(20) CONSTRAINT code_ok CHECK (code <> ''));
INSERT INTO parcels VALUES (1, 'x');
-- bad
ALTER TABLE parcels ALTER COLUMN code TYPE text;
-- good
ALTER TABLE parcels DROP CONSTRAINT code_ok;
-- good
ALTER TABLE parcels ALTER COLUMN code TYPE text;
-- good
ALTER TABLE parcels ADD CONSTRAINT code_ok CHECK (code <> '') NOT VALID;
-- good
ALTER TABLE parcels VALIDATE CONSTRAINT code_ok;
