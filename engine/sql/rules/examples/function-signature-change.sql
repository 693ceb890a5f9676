-- setup
CREATE FUNCTION price(kilos int) RETURNS int LANGUAGE sql AS 'SELECT kilos * 3';
-- bad 42P13
CREATE OR REPLACE FUNCTION price(kilos int) RETURNS text LANGUAGE sql AS 'SELECT ''3''';
-- good
CREATE FUNCTION price_text(kilos int) RETURNS text LANGUAGE sql AS 'SELECT ''3''';
