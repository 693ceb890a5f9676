-- setup
CREATE TYPE size AS ENUM ('small');
-- bad
DROP TYPE size;
