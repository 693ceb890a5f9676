// Types, views, functions, triggers, rights, replication, extensions.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_OBJECT_TEXTS_H_
#define LOCKSTEP_ENGINE_SQL_RULES_OBJECT_TEXTS_H_

#include "engine/sql/rules/text.h"

namespace lockstep::sql {

inline constexpr RuleText kObjectTexts[] = {
    {Rule::kEnumValueUsedSameTransaction,
     "no lock is the matter: PostgreSQL refuses to use a new label before the transaction that "
     "added it has committed",
     {"ALTER TYPE mood ADD VALUE 'calm'", "use it in the next migration"}},
    {Rule::kEnumAddValueTransaction,
     "no lock is the matter: before PostgreSQL 12 a label cannot be added in a transaction at all",
     {"in a migration of its own, with -- lockstep:transaction none: ALTER TYPE mood ADD VALUE IF "
      "NOT EXISTS 'calm'"}},
    {Rule::kEnumAddValueReaders,
     "readers that run may meet a label that they do not know, and it can never be removed",
     {"deploy readers that know it, then writers"}},
    {Rule::kDropType,
     "columns, arguments and casts in running code that name the type fail, and with CASCADE "
     "tables are locked in ACCESS EXCLUSIVE and lose columns",
     {"move all columns and functions to another type", "DROP TYPE t"}},
    {Rule::kAlterDomainScan,
     "every table with a column of the domain is read under SHARE, so that writes to all of them "
     "wait",
     {"ALTER TABLE t ADD CONSTRAINT t_c_ok CHECK (...) NOT VALID, on the tables instead",
      "ALTER TABLE t VALIDATE CONSTRAINT t_c_ok"}},
    {Rule::kCreateDomainWithConstraint,
     "each later ADD COLUMN of this type rewrites its table under ACCESS EXCLUSIVE"},
    {Rule::kAlterCompositeType,
     "ACCESS EXCLUSIVE on the type and on tables made of it, values of the old shape break running "
     "code, and PostgreSQL refuses it while a column uses the type",
     {"CREATE TYPE t_v2 AS (...)", "move columns and functions to it", "DROP TYPE t"}},
    {Rule::kDropView,
     "the ACCESS EXCLUSIVE lock is brief, but code that reads the view fails from then on",
     {"deploy code that does not read it", "DROP VIEW v"}},
    {Rule::kReplaceViewIncompatible,
     "CREATE OR REPLACE VIEW may only append columns: PostgreSQL refuses this, after it waited for "
     "ACCESS EXCLUSIVE",
     {"CREATE VIEW v2 AS ...", "move readers to it", "DROP VIEW v"}},
    {Rule::kRefreshMatviewBlocking,
     "the view is filled anew under ACCESS EXCLUSIVE, so that nobody can read it meanwhile",
     {"CREATE UNIQUE INDEX CONCURRENTLY v_key ON v (id), once",
      "REFRESH MATERIALIZED VIEW CONCURRENTLY v"}},
    {Rule::kFunctionSignatureChange,
     "no lock is the matter: PostgreSQL refuses another result or other argument names, and added "
     "arguments make a second function that calls may not tell from the first",
     {"create it under another name", "move callers to it", "drop the old one"}},
    {Rule::kFunctionBodyChange,
     "without any lock, all running code has the new behaviour from the commit on"},
    {Rule::kDropFunction,
     "no table is locked, but running code that calls it fails from then on",
     {"deploy code that does not call it", "DROP FUNCTION f(int)"}},
    {Rule::kCreateTrigger,
     "SHARE ROW EXCLUSIVE keeps others from writing while it waits and until commit, and what "
     "running code writes has a new effect",
     {"let it work with the old code and the new"}},
    {Rule::kDropTrigger,
     "ACCESS EXCLUSIVE is brief, but what the trigger kept right is no longer kept",
     {"make sure that nothing depends on its effect", "DROP TRIGGER tr ON t"}},
    {Rule::kDisableTrigger,
     "SHARE ROW EXCLUSIVE keeps others from writing, and what the trigger guards, foreign keys "
     "among it, goes unguarded for everybody",
     {"leave the trigger on, and let its function skip what it must with a condition"}},
    {Rule::kCreateRule,
     "under ACCESS EXCLUSIVE the meaning of running statements is changed behind their back",
     {"use a trigger or a view"}},
    {Rule::kEnableRls,
     "the ACCESS EXCLUSIVE lock is brief, but without a policy for its role running code sees no "
     "rows any more",
     {"CREATE POLICY for each role that uses the table",
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY, in the same migration"}},
    {Rule::kPolicyChange,
     "running code sees fewer rows, or more than it may, after a brief ACCESS EXCLUSIVE lock",
     {"let the owners of the data review it"}},
    {Rule::kRevokePrivilege,
     "statements of roles that lose the right fail; a change of owner takes ACCESS EXCLUSIVE",
     {"make sure that no running role needs it"}},
    {Rule::kReplicationChange,
     "subscribers silently get less, or other rows; its tables are held in SHARE UPDATE EXCLUSIVE",
     {"prepare the subscribers"}},
    {Rule::kExtensionChange,
     "it runs a script that nobody here has read, with whatever locks that takes",
     {"name the VERSION", "let an administrator run it beforehand"}},
    {Rule::kDropExtension,
     "its types, functions and operators go, each with its lock, and code that uses them fails",
     {"move columns, indexes and functions off it", "DROP EXTENSION e"}},
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_OBJECT_TEXTS_H_
