-- setup
CREATE FUNCTION price(kilos int) RETURNS int LANGUAGE sql AS 'SELECT kilos * 3';
-- bad
DROP FUNCTION price(int);
