-- lockstep:phase contract
-- lockstep:needs-backfill b
-- lockstep:after-contract 3
-- lockstep:allow r why
-- lockstep:lock-timeout 5s
-- lockstep:statement-timeout 1m
-- lockstep:min-postgres 16
-- lockstep:assert SELECT true
DROP TABLE t;
