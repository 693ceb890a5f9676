-- setup
CREATE TYPE size AS ENUM ('small', 'large');
-- bad
ALTER TYPE size RENAME TO parcel_size;
-- good
CREATE TYPE parcel_size AS ENUM ('small', 'large');
