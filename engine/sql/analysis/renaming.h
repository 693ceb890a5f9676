// What RENAME and SET SCHEMA share. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_RENAMING_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_RENAMING_H_

#include <string>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Gives a relation another name: its lock, phase and finding ("renames orders ..."), and the model.
void MoveRelation(model::Relation& relation, const model::Name& to, absl::string_view verb, Node at,
                  StatementContext& context);

// Gives a type another name in the catalog, and in everything that has it.
void MoveType(const model::Name& from, const model::Name& to, StatementContext& context);

// Gives a function (the body of an ObjectWithArgs) another name, schema or both; what is empty
// stays.
void MoveFunction(Node with_arguments, const std::string& schema, const std::string& name,
                  StatementContext& context);

// Extended statistics have another name: a later DROP has to find their table.
void MoveStatistics(const model::Name& from, const model::Name& to, StatementContext& context);

// A constraint has another name. Its table is locked by the caller.
void RenameConstraint(model::Relation& relation, const std::string& from, const std::string& to,
                      Node at, StatementContext& context);
// Only the phase and the finding of that.
void ReportConstraintRenamed(const std::string& constraint, const model::Name& of, bool is_new,
                             Node at, StatementContext& context);

// Phase, touches and finding of an object of another kind.
void ReportRenamed(ObjectClass object_class, const model::Name& from, const model::Name& to,
                   bool is_new, Node at, StatementContext& context);

// rename_column.cc
void RenameColumn(Node statement, StatementContext& context);
// Of a composite type.
void RenameAttribute(Node statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_RENAMING_H_
