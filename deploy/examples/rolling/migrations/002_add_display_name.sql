ALTER TABLE people ADD COLUMN display_name text;
