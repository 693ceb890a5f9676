-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, code varchar(20));
CREATE VIEW codes AS SELECT code FROM parcels;
-- bad 0A000
ALTER TABLE parcels ALTER COLUMN code TYPE varchar(40);
-- good
DROP VIEW codes;
ALTER TABLE parcels ALTER COLUMN code TYPE varchar(40);
CREATE VIEW codes AS SELECT code FROM parcels;
