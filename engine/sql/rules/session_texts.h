// What breaks the fence around a migration, and rules of text and style.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_SESSION_TEXTS_H_
#define LOCKSTEP_ENGINE_SQL_RULES_SESSION_TEXTS_H_

#include "engine/sql/rules/text.h"

namespace lockstep::sql {

inline constexpr RuleText kSessionTexts[] = {
    {Rule::kNonTransactionalInTransaction,
     "PostgreSQL refuses the statement in a transaction, because it commits or waits in between "
     "and holds only weak locks",
     {"put it into a migration of its own, with -- lockstep:transaction none"}},
    {Rule::kNonTransactionalNotAlone,
     "without a transaction around them a failure leaves the first half done, with no lock that "
     "keeps others from seeing it",
     {"one such statement a migration"}},
    {Rule::kTransactionControl,
     "a COMMIT publishes half of the migration without its history row, frees every lock, and ends "
     "the fence that keeps a second agent out",
     {"leave it out: each migration runs in one transaction by itself",
      "what must commit earlier goes into a migration of its own"}},
    {Rule::kTimeoutOverride,
     "without lock_timeout a statement that waits for its lock stops everybody behind it",
     {"-- lockstep:lock-timeout 2s or -- lockstep:statement-timeout 5m at the top of the file"}},
    {Rule::kIdentityChange,
     "what is created belongs to somebody else, and the role outlives the transaction and its "
     "locks",
     {"leave it out: migrations run as the owner role"}},
    {Rule::kSessionStateLeak,
     "a setting or temporary table outlives its transaction and changes what later statements "
     "mean and lock",
     {"SET LOCAL instead of SET; CREATE TEMP TABLE ... ON COMMIT DROP"}},
    {Rule::kUnsafeSetting,
     "it switches off what keeps data right: foreign keys' triggers, durability, isolation or the "
     "locks on system tables",
     {"leave it out; an administrator may set it for the database"}},
    {Rule::kAdvisoryLockUse,
     "advisory locks hold the fence: to free one lets a second agent in, and to wait for one "
     "inside a migration can deadlock",
     {"leave it out: one agent at a time runs migrations, and every lock ends with the "
      "transaction"}},
    {Rule::kBackendControl,
     "its effect is outside of the transaction: a rollback does not undo it, and no lock guards it",
     {"let an administrator do it"}},
    {Rule::kControlPlaneWrite,
     "schema lockstep holds leases and history: whoever writes there forges both and breaks the "
     "lock that the fence is",
     {"leave it out, and use `lockstep` for what you need"}},
    {Rule::kSessionCommand,
     "it changes the session instead of the schema, hides statements from this analysis, or frees "
     "locks that the fence depends on",
     {"write the statement itself"}},
    {Rule::kClusterWideChange,
     "it changes other databases too, outside of this one's history and of any table lock",
     {"let an administrator do it, before the migration that needs it"}},
    {Rule::kCopyStream,
     "it waits for data that a file does not have, holding its locks meanwhile",
     {"INSERT INTO t VALUES ..., or a backfill"}},
    {Rule::kCopyServerSide,
     "it reads or writes files of the database server, or runs programs there, which no rollback "
     "undoes and no lock covers",
     {"INSERT INTO t VALUES ..., or a backfill"}},
    {Rule::kPsqlMetaCommand,
     "psql's commands and variables are no SQL: the server refuses them, before any lock is taken",
     {"write the SQL that the command stands for"}},
    {Rule::kOpaqueDynamicSql,
     "what it runs, and which locks that takes, cannot be told from the text",
     {"write the statements themselves", "or declare: -- lockstep:phase contract"}},
    {Rule::kMissingGuard,
     "without a transaction the statement may have run already when it is tried again, and then "
     "fails",
     {"IF EXISTS or IF NOT EXISTS"}},
    {Rule::kIdentifierTooLong,
     "PostgreSQL cuts names at 63 bytes, so that guards look for a name that never exists",
     {"shorten it"}},
    {Rule::kUnqualifiedName, "which table it means, and locks, depends on search_path"},
    {Rule::kParseError,
     "what cannot be read can be judged neither for locks nor for what it breaks",
     {"correct the statement"}},
    {Rule::kPreferBigintKey, "a key that runs out is widened by a rewrite under ACCESS EXCLUSIVE"},
    {Rule::kPreferTimestamptz,
     "a time without zone means another moment for each client, and to change it later can rewrite "
     "the table under ACCESS EXCLUSIVE"},
    {Rule::kPreferText,
     "another length needs ACCESS EXCLUSIVE, and a smaller one a rewrite; a CHECK does not"},
    {Rule::kPreferIdentity,
     "serial leaves a default and a sequence with rights of their own; an identity is one thing"},
    {Rule::kAvoidType,
     "the type surprises, and to change it later rewrites the table under ACCESS EXCLUSIVE"},
    {Rule::kUnusedAllow,
     "a directive that allows nothing hides that the danger, and its lock, moved elsewhere",
     {"remove the line"}},
    {Rule::kUnknownRule,
     "the directive names no rule, so the finding, and the lock, that it means to allow stays",
     {"`lockstep lint --explain all` lists the rules"}},
    {Rule::kMixedPhases,
     "the whole file waits for the fleet with its contract, although its other half could go "
     "ahead and its locks be over",
     {"one file for what adds, one for what removes"}},
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_SESSION_TEXTS_H_
