-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
UPDATE parcels SET city = upper(city);
-- good
UPDATE parcels SET city = upper(city) WHERE id BETWEEN 1 AND 1000 AND city <> upper(city);
