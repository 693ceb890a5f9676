-- lockstep:phase data
-- Published when no instance is left that writes the nickname alone: those after it write both.
UPDATE people SET display_name = nickname WHERE display_name IS NULL;
