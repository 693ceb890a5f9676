-- setup
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad not run: it writes a file on the server
COPY parcels TO '/tmp/parcels.csv';
-- good
INSERT INTO parcels (id, city) VALUES (3, 'Narvik') ON CONFLICT DO NOTHING;
