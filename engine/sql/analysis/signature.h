// Signatures of functions, procedures and aggregates: what PostgreSQL tells them apart by. Internal
// to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_SIGNATURE_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_SIGNATURE_H_

#include <vector>

#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// The function that a CreateFunctionStmt makes; new, without its name.
model::Function FunctionOf(Node create_function, const model::Database& database);
// The aggregate that a DefineStmt makes; new, without its name.
model::Function AggregateOf(Node define, const model::Database& database);

// Whether two types name the same one, as far as a schema that is not written lets tell. Modifiers
// are no part of a signature.
bool SameArgument(const model::Type& a, const model::Type& b);
bool SameArguments(const std::vector<model::Type>& a, const std::vector<model::Type>& b);

// The overload that an ObjectWithArgs means: by its arguments, or the only one when it lists none.
// nullptr when there is no such.
const model::Function* FindFunction(const std::vector<model::Function>& overloads,
                                    Node object_with_args);

// Whether some call, by its number of arguments, can mean either.
bool CallsOverlap(const model::Function& a, const model::Function& b);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_SIGNATURE_H_
