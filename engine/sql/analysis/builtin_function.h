// How PostgreSQL's own functions, and those of the extensions that most databases have, are marked
// in pg_proc. A name with overloads counts as the least predictable of them.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_BUILTIN_FUNCTION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_BUILTIN_FUNCTION_H_

#include <optional>

#include "absl/strings/string_view.h"

#include "engine/sql/model/database.h"

namespace lockstep::sql {

// A function of pg_catalog, of any version from 13 to 18; absent for what is none, and for
// functions that no statement calls by name (input and output of types, support of indexes).
std::optional<model::Volatility> BuiltinVolatility(absl::string_view name);

// A function of uuid-ossp, pgcrypto, pg_trgm, unaccent, fuzzystrmatch, hstore, ltree or PostGIS,
// whatever schema they are installed in.
std::optional<model::Volatility> ExtensionVolatility(absl::string_view name);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_BUILTIN_FUNCTION_H_
