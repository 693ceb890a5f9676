// What ALTER COLUMN TYPE costs, by the two types. Pure.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_CHANGE_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_CHANGE_H_

#include "engine/sql/model/database.h"
#include "engine/sql/model/type.h"

namespace lockstep::sql {

struct TypeChange {
  // One of the types is not known, or not what can be done with it.
  bool unknown = false;
  // The values are stored in another way, or each of them must be tried.
  bool rewrite = false;
  // An index on the column sorts by other rules now, and is built anew.
  bool index_rebuild = false;
  // Values and writers that were right are refused or rounded.
  bool narrows = false;
  // The types are the same, collation included.
  bool same = false;
  // Wider text or a wider numeric: all values and writers stay right, and readers get what they
  // got.
  bool widens = false;
};

// `from` becomes `to` by the cast that PostgreSQL would take by itself. Source: ATColumnChange-
// RequiresRewrite and CheckIndexCompatible in PostgreSQL's commands, pg_cast, and the planner's
// support functions of the length casts.
TypeChange CompareTypes(const model::Type& from, const model::Type& to, const model::Database& db);

// Whether `timestamp` and `timestamptz` mean the same instant in the session: its time zone has
// never been off UTC. Unknown settings count as no.
bool TimeZoneIsUtc(const model::Database& db);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_TYPE_CHANGE_H_
