-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad not run: a client would wait for the data
COPY parcels (id, city) FROM STDIN;
-- good
INSERT INTO parcels (id, city) VALUES (3, 'Narvik') ON CONFLICT DO NOTHING;
