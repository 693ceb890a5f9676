-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
CREATE MATERIALIZED VIEW weights AS SELECT id, weight FROM parcels;
-- bad
REFRESH MATERIALIZED VIEW weights;
-- good
CREATE UNIQUE INDEX CONCURRENTLY weights_key ON weights (id);
-- good
REFRESH MATERIALIZED VIEW CONCURRENTLY weights;
