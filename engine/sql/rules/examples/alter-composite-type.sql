-- setup
CREATE TYPE place AS (street text, town text);
-- bad
ALTER TYPE place DROP ATTRIBUTE town;
-- good
CREATE TYPE place_v2 AS (street text);
