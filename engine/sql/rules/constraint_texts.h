// Constraints and indexes.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_CONSTRAINT_TEXTS_H_
#define LOCKSTEP_ENGINE_SQL_RULES_CONSTRAINT_TEXTS_H_

#include "engine/sql/rules/text.h"

namespace lockstep::sql {

inline constexpr RuleText kConstraintTexts[] = {
    {Rule::kAddCheckValidating,
     "every row is tested while ACCESS EXCLUSIVE keeps all others from reading and writing",
     {"ALTER TABLE t ADD CONSTRAINT t_c_ok CHECK (c > 0) NOT VALID",
      "ALTER TABLE t VALIDATE CONSTRAINT t_c_ok (SHARE UPDATE EXCLUSIVE: reads and writes go "
      "on)"}},
    {Rule::kAddForeignKeyValidating,
     "both tables are read while SHARE ROW EXCLUSIVE on both keeps all others from writing to them",
     {"ALTER TABLE t ADD CONSTRAINT t_p_fkey FOREIGN KEY (p_id) REFERENCES p NOT VALID",
      "ALTER TABLE t VALIDATE CONSTRAINT t_p_fkey (blocks neither reads nor writes)",
      "a partitioned t before 18: both steps on each partition, then ADD CONSTRAINT on t"}},
    {Rule::kAddPrimaryKeyScan,
     "its index is built, and columns are searched for NULL, under ACCESS EXCLUSIVE while readers "
     "and writers wait",
     {"follow the steps of set-not-null-scan for each column",
      "CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON t (id)",
      "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey"}},
    {Rule::kAddPrimaryKeyUsingIndexNullable,
     "the index is there, but the columns may be NULL, so every row is read under ACCESS EXCLUSIVE "
     "first",
     {"follow the steps of set-not-null-scan for each column",
      "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey"}},
    {Rule::kAddUniqueConstraintScan,
     "its index is built under ACCESS EXCLUSIVE, which stops reads and writes until it is done",
     {"CREATE UNIQUE INDEX CONCURRENTLY t_c_key ON t (c)",
      "ALTER TABLE t ADD CONSTRAINT t_c_key UNIQUE USING INDEX t_c_key"}},
    {Rule::kAddExclusionConstraint,
     "its index is built and all rows compared under ACCESS EXCLUSIVE, and there is no form of it "
     "that lets others read or write meanwhile",
     {"make a new table with the constraint, keep it by trigger, fill it with a backfill, move to "
      "it",
      "or run it in a maintenance window, allowed with a reason"}},
    {Rule::kAddConstraintOnLiveWriters,
     "new rows are tested at once, also those of code that does not know the constraint",
     {"deploy writers that keep to it first"}},
    {Rule::kValidateConstraintSameTransaction,
     "the strong lock of ADD CONSTRAINT is held until commit, so the scan of VALIDATE blocks just "
     "as if NOT VALID were not there",
     {"ALTER TABLE t ADD CONSTRAINT t_c_ok CHECK (c > 0) NOT VALID",
      "ALTER TABLE t VALIDATE CONSTRAINT t_c_ok, in the next migration"}},
    {Rule::kDropConstraint,
     "rows appear that readers did not expect, ON CONFLICT loses its key, and the brief ACCESS "
     "EXCLUSIVE lock of a foreign key is on both tables",
     {"deploy code that does without it", "ALTER TABLE t DROP CONSTRAINT t_c_ok"}},
    {Rule::kFkWithoutIndex,
     "each DELETE or key change of a parent row reads the whole child table, holding row locks "
     "meanwhile",
     {"CREATE INDEX CONCURRENTLY t_p_id_idx ON t (p_id)", "then add the foreign key"}},
    {Rule::kFkCascadeAction,
     "one DELETE may remove any number of rows elsewhere, all locked until it commits"},
    {Rule::kUnnamedConstraint,
     "PostgreSQL picks a name that may differ from database to database, and a repeated statement "
     "adds a second one under its own lock",
     {"ALTER TABLE t ADD CONSTRAINT t_p_fkey ..."}},
    {Rule::kNotEnforcedConstraint, "it takes its lock and promises nothing about the rows"},
    {Rule::kCreateIndexBlocking,
     "SHARE keeps all others from writing to the table until the index is built",
     {"in a migration of its own: CREATE INDEX CONCURRENTLY IF NOT EXISTS t_c_idx ON t (c)"}},
    {Rule::kCreateUniqueIndex,
     "writers that run may be refused from the moment it exists, and with duplicates it fails "
     "after the whole build",
     {"find and resolve duplicates, and deploy writers that make none",
      "CREATE UNIQUE INDEX CONCURRENTLY t_c_key ON t (c)"}},
    {Rule::kCreateIndexPartitioned,
     "SHARE on the parent and on every partition keeps all others from writing while all of them "
     "are read; CONCURRENTLY does not exist there",
     {"CREATE INDEX p_c_idx ON ONLY p (c)",
      "for each partition: CREATE INDEX CONCURRENTLY p1_c_idx ON p1 (c)",
      "for each partition: ALTER INDEX p_c_idx ATTACH PARTITION p1_c_idx"}},
    {Rule::kInvalidIndexLeftover,
     "an earlier build that failed left an invalid index of this name, which IF NOT EXISTS takes "
     "for the real one, without a lock and without an index that queries can use",
     {"DROP INDEX CONCURRENTLY t_c_idx", "CREATE INDEX CONCURRENTLY t_c_idx ON t (c)"}},
    {Rule::kDropIndexBlocking,
     "ACCESS EXCLUSIVE on the table: the statement queues behind every open transaction, and "
     "readers and writers queue behind it",
     {"in a migration of its own: DROP INDEX CONCURRENTLY IF EXISTS t_c_idx"}},
    {Rule::kDropUniqueIndex,
     "INSERT ... ON CONFLICT of running code loses the index that it names and fails; without "
     "CONCURRENTLY the table is held in ACCESS EXCLUSIVE too",
     {"deploy code that does without it",
      "in a migration of its own: DROP INDEX CONCURRENTLY IF EXISTS t_c_key"}},
    {Rule::kReindexBlocking,
     "SHARE on the table and ACCESS EXCLUSIVE on its indexes: writers wait, and so do readers, "
     "whose planner opens every index",
     {"in a migration of its own: REINDEX INDEX CONCURRENTLY t_c_idx"}},
    {Rule::kWideIndex, "every write pays for the index, and few queries use so many columns"},
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_CONSTRAINT_TEXTS_H_
