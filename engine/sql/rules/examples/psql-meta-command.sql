-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad 42601
\set town 'Bergen'
DELETE FROM parcels WHERE city = :'town';
-- good
DELETE FROM parcels WHERE city = 'Bergen';
