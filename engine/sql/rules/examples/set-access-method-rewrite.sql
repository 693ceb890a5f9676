-- setup
CREATE ACCESS METHOD columns TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE parcels (id bigint PRIMARY KEY, city text, weight int);
INSERT INTO parcels VALUES (1, 'Bergen', 4), (2, 'Turku', 9);
-- bad
ALTER TABLE parcels SET ACCESS METHOD columns;
-- good
CREATE TABLE parcels_new (LIKE parcels INCLUDING ALL) USING columns;
