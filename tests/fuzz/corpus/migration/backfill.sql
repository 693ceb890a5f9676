-- lockstep:after 1
-- lockstep:table t
-- lockstep:key id
-- lockstep:batch 10
-- lockstep:section prepare
SELECT 1;
-- lockstep:section batch
UPDATE t SET a = 1 WHERE id > $1 AND id <= $2;
-- lockstep:section verify
SELECT 1;
