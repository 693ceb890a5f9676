-- bad not run: PostgreSQL 17 and newer only
ALTER TABLE parcels ALTER COLUMN grams SET EXPRESSION AS (weight * 1001);
