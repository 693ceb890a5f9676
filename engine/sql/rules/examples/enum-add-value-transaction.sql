-- setup
CREATE TYPE size AS ENUM ('small');
-- bad not run: PostgreSQL 11 and older, which lockstep does not run on
ALTER TYPE size ADD VALUE 'large';
-- good
-- lockstep:transaction none
ALTER TYPE size ADD VALUE IF NOT EXISTS 'large';
