-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE VIEW heavy AS SELECT id, weight FROM parcels WHERE weight > 5;
-- bad 42P16
CREATE OR REPLACE VIEW heavy AS SELECT id FROM parcels WHERE weight > 5;
-- good
CREATE VIEW heavy_v2 AS SELECT id FROM parcels WHERE weight > 5;
