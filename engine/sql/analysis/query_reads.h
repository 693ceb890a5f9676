// What a query reads, down to columns: for views, rules, policies and functions in SQL, whose
// queries are parsed when they are created and run later. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_READS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_READS_H_

#include <map>
#include <set>
#include <string>

#include "engine/sql/analysis/context.h"
#include "engine/sql/lock_mode.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

struct QueryReads {
  // As in Relation::view_reads: the columns of each relation that are named; "" for the relation as
  // a whole. An unqualified column counts for every relation in reach that has it.
  std::map<model::Name, std::set<std::string>> columns;
  // What PostgreSQL's parser locks to look at the query, without running it.
  std::map<model::Name, LockMode> locks;
};

// `query` is any node: a SELECT, a data statement, an expression with subqueries. Relations of
// which nothing is known are added to the catalog as stubs. Names of WITH queries are followed,
// those of system catalogs left out.
QueryReads ReadsOf(Node query, StatementContext& context);

// Says that all of it is locked and read.
void ClaimReads(const QueryReads& reads, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_READS_H_
