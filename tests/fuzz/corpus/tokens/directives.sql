-- lockstep:phase contract
-- lockstep:transaction none
DROP INDEX CONCURRENTLY i