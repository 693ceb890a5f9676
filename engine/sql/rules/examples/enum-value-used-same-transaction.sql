-- setup
CREATE TYPE size AS ENUM ('small');
CREATE TABLE boxes (id bigint PRIMARY KEY, size size);
INSERT INTO boxes VALUES (1, 'small');
-- bad 55P04
ALTER TYPE size ADD VALUE 'large';
UPDATE boxes SET size = 'large' WHERE id = 1;
-- good
ALTER TYPE size ADD VALUE 'large';
-- good
UPDATE boxes SET size = 'large' WHERE id = 1;
