-- setup
CREATE TABLE slots (id bigint PRIMARY KEY, during tsrange);
-- bad
ALTER TABLE slots ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);
-- good
CREATE TABLE slots_new (LIKE slots INCLUDING ALL, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&));
