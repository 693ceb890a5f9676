-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
-- lockstep:transaction none
CREATE INDEX CONCURRENTLY a_idx ON parcels (city);
CREATE INDEX CONCURRENTLY b_idx ON parcels (weight);
-- good
-- lockstep:transaction none
CREATE INDEX CONCURRENTLY a_idx ON parcels (city);
-- good
-- lockstep:transaction none
CREATE INDEX CONCURRENTLY b_idx ON parcels (weight);
