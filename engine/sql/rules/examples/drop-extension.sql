-- setup
CREATE EXTENSION citext;
-- bad
DROP EXTENSION citext;
