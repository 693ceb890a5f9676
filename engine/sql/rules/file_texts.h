// Backfills, service files and the fleet.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_FILE_TEXTS_H_
#define LOCKSTEP_ENGINE_SQL_RULES_FILE_TEXTS_H_

#include "engine/sql/rules/text.h"

namespace lockstep::sql {

inline constexpr RuleText kFileTexts[] = {
    {Rule::kBackfillNotCovered,
     "the walk ends at the largest key that was there when it began: rows that are written "
     "meanwhile, also behind it, keep what their writers give them, and nothing is known to fill "
     "these columns",
     {"a trigger or a default, in a migration up to `after`: `lockstep new TITLE --dual-write "
      "OLD=NEW` writes one",
      "or, where the application writes the columns: -- lockstep:dual-write WHO at the top of the "
      "backfill"}},
    {Rule::kBackfillWholeTable,
     "the statement runs once a batch and does not end where the batch ends: each batch changes, "
     "and locks until its commit, rows that other batches and other agents are to walk",
     {"WHERE key > $1 AND key <= $2, beside what tells the rows that are not done yet",
      "by two columns: (a, b) > ($1, $2) AND (a, b) <= ($3, $4)",
      "what has to run once stands in prepare or finish"}},
    {Rule::kBackfillParameter,
     "only a batch by key has parameters, its low key and then its high one: PostgreSQL refuses "
     "any other, when the job is under way",
     {"prepare, verify and finish, and a seed: write the value itself",
      "a batch: $1 and $2; with two key columns $1 to $4"}},
    {Rule::kBackfillVerifyNoQuery,
     "the rows that it returns are counted, as those of a subquery in a transaction that may only "
     "read: PostgreSQL refuses anything but a plain query, after all batches have run",
     {"SELECT the keys of rows that are not done",
      "what changes something stands in batch or finish"}},
    {Rule::kBackfillNoVerify,
     "nothing looks for rows that were left undone, so migrations that need the job run although "
     "some may be",
     {"a section verify: SELECT the keys of rows that are not done"}},
    {Rule::kBackfillContract,
     "a backfill does not wait for the fleet: running code that needs what the statement takes "
     "away fails when it commits, whatever its lock",
     {"put the statement into a migration with -- lockstep:needs-backfill NAME: it waits until the "
      "job is done, and until no live instance needs the old shape"}},
    {Rule::kBackfillUnknownTable,
     "no migration up to `after` makes what the job is to walk: it fails before its first batch",
     {"correct the name of the table or key column",
      "or raise `after` to the migration that makes it"}},
    {Rule::kUnknownUse,
     "a contract that touches nothing of `uses` does not wait for the service, so a name that is "
     "written wrong takes the service's protection away",
     {"write the table, or table.column, as the migrations make it",
      "leave the line out where the service does not use it"}},
    {Rule::kRemovedUse,
     "the service says that it uses something, and also that it is adapted to the migration which "
     "takes it away: one of the two is wrong",
     {"where the code still uses it: set adapted_to below that migration again, before a release",
      "where it does not: leave the line out"}},
    {Rule::kConcernsLiveBuild,
     "instances run that the contract would break; it waits until they are gone, and nobody of "
     "them is let in once it begins",
     {"deploy builds that no longer use what it removes, and say so in their adapted_to",
      "then run the contract: it waits for the last concerned instance by itself"}},
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_FILE_TEXTS_H_
