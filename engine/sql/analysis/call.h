// What calls of functions do, one at a time. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_CALL_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_CALL_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// The body of a FuncCall that will be executed: functions that act outside of the transaction or on
// the fence are reported, those of the catalog are judged by their bodies, unknown ones are opaque.
// Arguments are not looked at.
void AnalyzeCall(Node call, StatementContext& context);

// The constant (an A_Const node), casts around it left out: 'x'::regclass. Absent for anything else.
Node ConstantOf(Node expression);

// The sequences of nextval in an expression that is stored, as a default is: they are looked up.
void LockNamedSequences(Node expression, StatementContext& context);

// dynamic.cc. Calls of the function or procedure `name` by what the catalog knows of its body.
// `call` is where the findings point.
void AnalyzeUserCall(const model::Name& name, Node call, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_CALL_H_
