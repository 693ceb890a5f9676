// A database as text, one line a fact, sorted: for looking at it, and for comparing two.
#ifndef LOCKSTEP_ENGINE_SQL_MODEL_DUMP_H_
#define LOCKSTEP_ENGINE_SQL_MODEL_DUMP_H_

#include <string>

#include "engine/sql/model/database.h"

namespace lockstep::sql::model {

// Two databases in which the same SQL was run give the same text, however they were read. Left out
// is what SQL does not determine: sizes, owners, the spelling of expressions, what is new.
std::string DumpText(const Database& database);

}  // namespace lockstep::sql::model

#endif  // LOCKSTEP_ENGINE_SQL_MODEL_DUMP_H_
