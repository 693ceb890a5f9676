// Who uses a type. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_USERS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_USERS_H_

#include <set>
#include <vector>

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"

namespace lockstep::sql {

// `domain` and the domains over it, over those, and so on.
std::set<model::Name> WithDomainsOver(const model::Name& domain, const model::Database& database);

// The tables and materialized views with rows of their own that have a column of the domain or of
// one over it, by name.
std::vector<const model::Relation*> TablesWithDomain(const model::Name& domain,
                                                     const model::Database& database);

// Drops types with what depends on them: domains over them, attributes and columns of theirs,
// tables OF them, and views of those columns. Claims the locks and takes them out of the catalog.
// Without `cascade` nothing depends on them, or PostgreSQL refuses.
void RemoveTypes(const std::set<model::Name>& types, bool cascade, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_USERS_H_
