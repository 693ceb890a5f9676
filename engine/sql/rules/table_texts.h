// Tables and partitions as a whole, and maintenance.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_TABLE_TEXTS_H_
#define LOCKSTEP_ENGINE_SQL_RULES_TABLE_TEXTS_H_

#include "engine/sql/rules/text.h"

namespace lockstep::sql {

inline constexpr RuleText kTableTexts[] = {
    {Rule::kDropTable,
     "ACCESS EXCLUSIVE on it and on the partners of its foreign keys is brief, but code that "
     "still uses the table fails and its rows are gone",
     {"deploy code that does not use the table",
      "drop foreign keys to it, each in a migration of its own",
      "DROP TABLE t, which waits until no live instance needs it"}},
    {Rule::kDropCascade,
     "CASCADE takes whatever depends on it, which nobody has read and which differs from database "
     "to database, and locks all of that in ACCESS EXCLUSIVE",
     {"drop each dependent object by its name", "then drop this one without CASCADE"}},
    {Rule::kRenameTable,
     "the ACCESS EXCLUSIVE lock is brief, but all code that uses the old name fails when it "
     "commits",
     {"CREATE VIEW t_new AS SELECT * FROM t", "deploy code that uses the new name only",
      "in one migration, allowed with that reason: DROP VIEW t_new; ALTER TABLE t RENAME TO "
      "t_new"}},
    {Rule::kRenameObject,
     "code and functions that name it by its old name fail when it commits, whatever lock was "
     "taken",
     {"create a second one under the new name", "move all users to it", "drop the old one"}},
    {Rule::kRenameIndexLock,
     "ALTER TABLE takes ACCESS EXCLUSIVE on the index and queries wait; ALTER INDEX does not",
     {"ALTER INDEX t_c_idx RENAME TO t_c_new_idx"}},
    {Rule::kSetLoggedRewrite,
     "the table is copied under ACCESS EXCLUSIVE while readers and writers wait, and an unlogged "
     "one is empty after a crash and on replicas",
     {"make a new table, keep it by trigger, fill it with a backfill, move to it"}},
    {Rule::kSetTablespaceRewrite,
     "all files are copied under ACCESS EXCLUSIVE, for as long as the disk needs, while readers "
     "and writers wait",
     {"move it with a tool that copies in the background, such as pg_repack"}},
    {Rule::kSetAccessMethodRewrite,
     "the table is rewritten into its new form under ACCESS EXCLUSIVE while readers and writers "
     "wait",
     {"make a new table USING the method, keep it by trigger, fill it with a backfill, move to "
      "it"}},
    {Rule::kClusterRewrite,
     "the table is rewritten in another order under ACCESS EXCLUSIVE while readers and writers "
     "wait",
     {"use a tool that works in the background, such as pg_repack"}},
    {Rule::kVacuumFull,
     "the table is rewritten under ACCESS EXCLUSIVE while readers and writers wait",
     {"VACUUM (ANALYZE) t",
      "for lost space a tool that works in the background, such as "
      "pg_repack"}},
    {Rule::kTruncate,
     "all rows go at once under ACCESS EXCLUSIVE, and an older snapshot sees an empty table",
     {"delete in batches with a backfill: DELETE FROM t WHERE id BETWEEN $1 AND $2"}},
    {Rule::kTruncateCascade,
     "every table that refers to this one is emptied too, each under ACCESS EXCLUSIVE, named or "
     "not",
     {"name the tables", "delete in batches with a backfill"}},
    {Rule::kAttachPartitionScan,
     "the new partition is read under ACCESS EXCLUSIVE to prove that its rows belong there, while "
     "the parent is held in SHARE UPDATE EXCLUSIVE",
     {"ALTER TABLE part ADD CONSTRAINT part_bound CHECK (...) NOT VALID, equal to the bound",
      "ALTER TABLE part VALIDATE CONSTRAINT part_bound",
      "ALTER TABLE p ATTACH PARTITION part FOR VALUES ...",
      "ALTER TABLE part DROP CONSTRAINT part_bound"}},
    {Rule::kPartitionDefaultScan,
     "the DEFAULT partition is locked in ACCESS EXCLUSIVE and read, because rows of the new one "
     "may lie in it",
     {"ALTER TABLE pdefault ADD CONSTRAINT not_new CHECK (NOT (...)) NOT VALID, the new bound",
      "ALTER TABLE pdefault VALIDATE CONSTRAINT not_new", "attach the new partition",
      "ALTER TABLE pdefault DROP CONSTRAINT not_new"}},
    {Rule::kCreatePartitionOfLocksParent,
     "PARTITION OF holds the parent in ACCESS EXCLUSIVE, which stops reads of all partitions",
     {"CREATE TABLE part (LIKE p INCLUDING ALL)",
      "ALTER TABLE p ATTACH PARTITION part FOR VALUES ... (SHARE UPDATE EXCLUSIVE)"}},
    {Rule::kDetachPartitionBlocking,
     "ACCESS EXCLUSIVE on the parent stops reads and writes of all partitions, behind the longest "
     "transaction that uses it",
     {"in a migration of its own (14 or newer, without a DEFAULT partition): ALTER TABLE p DETACH "
      "PARTITION part CONCURRENTLY",
      "after an interruption: ALTER TABLE p DETACH PARTITION part FINALIZE"}},
    {Rule::kExplicitLockTable,
     "the lock is held to the end of the migration, and each statement takes what it needs by "
     "itself",
     {"leave it out"}},
    {Rule::kReplicaIdentityChange,
     "subscribers see other keys in updates and deletes from then on; the ACCESS EXCLUSIVE lock is "
     "brief",
     {"prepare the subscribers", "ALTER TABLE t REPLICA IDENTITY ..."}},
    {Rule::kCreateTableNoPrimaryKey,
     "its rows cannot be named: no logical replication of updates, no backfill in batches"},
    {Rule::kCreateUnloggedTable, "it is empty after a crash, and on every replica"},
    {Rule::kMisleadingIfNotExists,
     "an object of this name exists with another shape, and the statement will do nothing about "
     "it",
     {"alter what is there, or choose another name"}},
    {Rule::kUnboundedDml,
     "all rows are locked until commit, which stops writers, fills the log and delays replicas",
     {"a backfill: lockstep new --backfill TITLE --table t --key id",
      "or a WHERE clause that keeps it to few rows"}},
    {Rule::kDataInMigration,
     "its row locks last until commit, and how long that takes nobody can tell",
     {"move it to a backfill"}},
    {Rule::kMixDdlDml,
     "the strong lock of the definition is held while rows are changed, and pending triggers may "
     "make the definition fail",
     {"put the data statements into a migration of their own, or a backfill"}},
    {Rule::kNonIdempotentDml,
     "if the step is repeated after a lost answer its effect doubles",
     {"add a condition that the repeated statement does not meet, or ON CONFLICT"}},
    {Rule::kSequenceChange,
     "numbers may come a second time, a rollback does not undo it, and SHARE ROW EXCLUSIVE keeps "
     "others from taking numbers",
     {"SELECT setval('t_id_seq', greatest((SELECT max(id) FROM t), (SELECT last_value FROM "
      "t_id_seq)))"}},
    {Rule::kStatementAfterStrongLock,
     "a lock taken by an earlier statement is held for as long as this one takes",
     {"put it into a migration of its own"}},
    {Rule::kWideLockWindow,
     "several tables are held in strong locks at once, which is how two transactions end in a "
     "deadlock",
     {"one table a migration"}},
    {Rule::kMergeAlterTable,
     "each statement reads or rewrites the table again under its lock; one statement would do it "
     "once",
     {"merge them into one ALTER TABLE"}},
    {Rule::kGuardedNoopLock,
     "the statement does nothing, but takes its lock first",
     {"leave it out"}},
    {Rule::kBriefAccessExclusive,
     "it is over at once, but while it waits for ACCESS EXCLUSIVE every later reader waits behind "
     "it; lockstep bounds that wait and tries again"},
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_TABLE_TEXTS_H_
