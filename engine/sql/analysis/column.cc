// ALTER TABLE ... DROP COLUMN and ALTER COLUMN: defaults and NOT NULL.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/call.h"
#include "engine/sql/analysis/constraint.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/removal.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Index;
using model::Relation;

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string AlterColumn(const Relation& relation, absl::string_view column,
                        absl::string_view action) {
  return absl::StrCat("ALTER TABLE ", relation.name.text(), " ALTER COLUMN ", column, " ", action);
}

// ---- DROP COLUMN.

// Whether others may have a foreign key to the column.
bool IsKey(const Relation& relation, absl::string_view column) {
  return std::any_of(relation.indexes.begin(), relation.indexes.end(), [&](const Index& index) {
    return index.unique && Contains(index.columns, column);
  });
}

// The indexes, constraints and columns of the table itself that go with the column; locks what must
// be locked for it.
std::vector<std::string> DependentsInTable(const Relation& relation, const std::string& column,
                                           StatementContext& context) {
  std::vector<std::string> names;
  for (const Index& index : relation.indexes) {
    if (!index.reads.contains(column) && !Contains(index.columns, column)) continue;
    context.LockIndex(relation, index.name, LockMode::kAccessExclusive);
    context.TouchesObject(ObjectClass::kIndex, {relation.name.schema, index.name}, Effect::kBreak,
                          !relation.is_new);
    names.push_back(absl::StrCat("index ", index.name));
  }
  for (const Constraint& constraint : relation.constraints) {
    if (!Contains(constraint.columns, column)) continue;
    if (constraint.kind == ConstraintKind::kForeignKey) {
      context.Lock(context.Resolve(constraint.references), LockMode::kAccessExclusive);
      names.push_back(absl::StrCat("foreign key ", constraint.name));
    } else if (constraint.kind == ConstraintKind::kCheck) {
      names.push_back(absl::StrCat("check ", constraint.name));
    }
  }
  for (const Column& other : relation.columns) {
    if (Contains(other.reads, column)) names.push_back(absl::StrCat("column ", other.name));
  }
  return names;
}

// Views, and foreign keys of other tables: they go with CASCADE, and stop the statement without.
std::vector<std::string> DependentsOutside(const Relation& relation, const std::string& column,
                                           bool cascade, StatementContext& context) {
  std::vector<std::string> names;
  std::vector<model::Name> views;
  for (const Relation* view : context.db.ViewsOf(relation.name, column)) {
    names.push_back(absl::StrCat("view ", view->name.text()));
    views.push_back(view->name);
  }
  if (IsKey(relation, column)) {
    for (const auto& [table, constraint] : context.db.ReferencesTo(relation.name)) {
      if (!Contains(constraint->referenced_columns, column)) continue;
      names.push_back(absl::StrCat("foreign key ", constraint->name, " of ", table->name.text()));
      if (!cascade) continue;
      context.Lock(*table, LockMode::kAccessExclusive);
      const std::string name = constraint->name;
      std::erase_if(table->constraints, [&](const Constraint& c) { return c.name == name; });
    }
  }
  if (cascade && !views.empty()) RemoveRelations(views, /*cascade=*/true, context);
  return names;
}

void DropFromModel(Relation& relation, const std::string& column, StatementContext& context) {
  const Column* found = relation.FindColumn(column);
  std::vector<model::Name> sequences;
  if (found != nullptr && found->has_default) {
    for (const auto& [name, other] : context.db.relations) {
      if (other.owned_by.has_value() && other.owned_by->first == relation.name &&
          other.owned_by->second == column) {
        sequences.push_back(name);
      }
    }
  }
  if (!sequences.empty()) RemoveRelations(sequences, /*cascade=*/true, context);
  std::erase_if(relation.indexes, [&](const Index& index) {
    return index.reads.contains(column) || Contains(index.columns, column);
  });
  std::erase_if(relation.constraints,
                [&](const Constraint& c) { return Contains(c.columns, column); });
  std::erase_if(relation.columns,
                [&](const Column& c) { return c.name == column || Contains(c.reads, column); });
}

}  // namespace

void AnalyzeDropColumn(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const std::string column(command["name"].text());
  if (SkipsMissing(relation, relation.FindColumn(column) != nullptr, command, context)) return;
  const bool cascade = command["behavior"].text() == "DROP_CASCADE";
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
  const std::string text = ColumnText(relation, column);
  context
      .ReportOn(relation, Rule::kDropColumn, command,
                absl::StrCat("column ", text, " goes, and running code that names it fails"))
      .object = text;
  // With ONLY the column stays in the children, as one of their own; they are locked all the same.
  for (const model::Name& child : relation.children) {
    context.Lock(context.Resolve(child), LockMode::kAccessExclusive);
  }
  std::vector<std::string> dependents;
  for (Relation* each : target.All()) {
    context.Touches(*each, column, Effect::kBreak);
    const std::vector<std::string> inside = DependentsInTable(*each, column, context);
    const std::vector<std::string> outside = DependentsOutside(*each, column, cascade, context);
    if (each == &relation) {
      dependents = inside;
      dependents.insert(dependents.end(), outside.begin(), outside.end());
    }
    DropFromModel(*each, column, context);
  }
  if (!dependents.empty() || cascade) {
    context
        .ReportOn(relation, Rule::kDropColumnDependents, command,
                  dependents.empty()
                      ? absl::StrCat("CASCADE takes whatever depends on column ", text)
                      : absl::StrCat("with column ", text, " go ", absl::StrJoin(dependents, ", ")))
        .hint = "drop what depends on it in migrations of their own before";
  }
  if (cascade) {
    context
        .ReportOn(relation, Rule::kDropCascade, command,
                  absl::StrCat("CASCADE drops what depends on column ", text, " without naming it"))
        .hint = absl::StrCat("ALTER TABLE ", relation.name.text(), " DROP COLUMN ", column);
  }
}

void AnalyzeColumnDefault(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const std::string name(command["name"].text());
  const std::string text = ColumnText(relation, name);
  const bool drops = !command["def"] || IsNull(command["def"]);
  context.Touches(relation, name, drops ? Effect::kBreak : Effect::kAlter);
  if (drops) {
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
    context
        .ReportOn(relation, Rule::kDropDefault, command,
                  absl::StrCat("column ", text,
                               " loses its default: writers that leave it out store NULL or fail"))
        .object = text;
  } else {
    LockNamedSequences(command["def"], context);
    context.Strengthen(Phase::kExpand);
    context
        .ReportOn(relation, Rule::kChangeDefault, command,
                  absl::StrCat("column ", text, " gets another default for rows to come"))
        .object = text;
  }
  for (Relation* each : target.All()) {
    if (Column* column = each->FindColumn(name)) column->has_default = !drops;
  }
}

namespace {

// SET NOT NULL changes nothing, or is proved by a constraint that every row has met.
bool IsNotNullAlready(const Relation& relation, const std::string& name) {
  const Column* column = relation.FindColumn(name);
  if (column == nullptr || !column->not_null) return false;
  return std::none_of(relation.constraints.begin(), relation.constraints.end(),
                      [&](const Constraint& constraint) {
                        return constraint.kind == ConstraintKind::kNotNull && !constraint.valid &&
                               Contains(constraint.columns, name);
                      });
}

bool IsProved(const Relation& relation, const std::string& name) {
  return std::any_of(relation.constraints.begin(), relation.constraints.end(),
                     [&](const Constraint& constraint) {
                       return constraint.kind == ConstraintKind::kCheck && constraint.valid &&
                              constraint.enforced && Contains(constraint.proves_not_null, name);
                     });
}

}  // namespace

bool ScansForNotNull(const AlterTarget& target, const std::string& column,
                     StatementContext& context) {
  bool scans = false;
  for (const Relation* each : target.All()) {
    if (IsNotNullAlready(*each, column) || IsProved(*each, column)) continue;
    ScanRows(*each, context);
    scans = true;
  }
  return scans;
}

void AnalyzeSetNotNull(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const std::string name(command["name"].text());
  context.Touches(relation, name, Effect::kAlter);
  if (ScansForNotNull(target, name, context)) {
    context.Touches(relation, name, Effect::kBreak);
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
    if (!relation.complete) context.facts.phase_unknown = true;
    const std::string text = ColumnText(relation, name);
    const std::string table = relation.name.text();
    const std::string proof = absl::StrCat(relation.name.name, "_", name, "_not_null");
    Finding& finding = context.ReportOn(
        relation, Rule::kSetNotNullScan, command,
        absl::StrCat("every row of ", table, " is read under ACCESS EXCLUSIVE to see that ", text,
                     " is never NULL"));
    finding.object = text;
    finding.hint = absl::StrCat("ALTER TABLE ", table, " ADD CONSTRAINT ", proof, " CHECK (", name,
                                " IS NOT NULL) NOT VALID; next migration: ALTER TABLE ", table,
                                " VALIDATE CONSTRAINT ", proof,
                                "; then: ", AlterColumn(relation, name, "SET NOT NULL"),
                                "; and at last DROP CONSTRAINT ", proof);
    ReportLiveWriters(relation, command, context);
  }
  std::string constraint;  // Children get the name that the parent's was given.
  for (Relation* each : target.All()) {
    Column* const column = each->FindColumn(name);
    if (column == nullptr || column->not_null) continue;
    const Constraint* const added = DefineNotNull(*each, *column, constraint, context);
    if (constraint.empty() && added != nullptr) constraint = added->name;
  }
}

void AnalyzeDropNotNull(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const std::string name(command["name"].text());
  context.Strengthen(Phase::kExpand);
  context.Touches(relation, name, Effect::kAlter);
  const std::string text = ColumnText(relation, name);
  context
      .ReportOn(relation, Rule::kDropNotNull, command,
                absl::StrCat("column ", text, " may be NULL from here on, for old readers too"))
      .object = text;
  for (Relation* each : target.All()) {
    if (Column* column = each->FindColumn(name)) column->not_null = false;
    std::erase_if(each->constraints, [&](const Constraint& constraint) {
      return constraint.kind == ConstraintKind::kNotNull && Contains(constraint.columns, name);
    });
  }
}

}  // namespace lockstep::sql
