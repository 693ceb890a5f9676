// ALTER TABLE ... ADD, VALIDATE, DROP and ALTER CONSTRAINT.

#include "engine/sql/analysis/constraint.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Constraint;
using model::ConstraintKind;
using model::Index;
using model::Relation;
using model::RelationKind;

std::string AlterTable(const Relation& relation) {
  return absl::StrCat("ALTER TABLE ", relation.name.text(), " ");
}

// "t_a_check" or the author's name, as DefineConstraint has chosen it.
void ReportUnnamed(const Relation& relation, Node constraint, absl::string_view chosen,
                   StatementContext& context) {
  if (constraint["conname"] || constraint["indexname"]) return;
  context
      .ReportOn(relation, Rule::kUnnamedConstraint, constraint,
                absl::StrCat("a constraint of ", relation.name.text(),
                             " is left without a name: a second run adds another one"))
      .hint = absl::StrCat("ADD CONSTRAINT ", chosen);
}

// What is refused from here on to writers that were right so far.
void TightenTable(const Relation& relation, Node constraint, StatementContext& context) {
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
  ReportLiveWriters(relation, constraint, context);
}

// ---- ADD CONSTRAINT, by kind. `name` is the one that the constraint gets.

void AddCheck(const AlterTarget& target, Node constraint, const std::string& name,
              StatementContext& context) {
  const Relation& relation = target.relation;
  TightenTable(relation, constraint, context);
  if (constraint["skip_validation"].flag()) return;
  AnalyzeCalls(constraint["raw_expr"], context);
  ScanRows(target, context);
  context
      .ReportOn(relation, Rule::kAddCheckValidating, constraint,
                absl::StrCat("every row of ", relation.name.text(), " is tried against ", name,
                             " under ACCESS EXCLUSIVE"))
      .hint = absl::StrCat(AlterTable(relation), "ADD CONSTRAINT ", name,
                           " CHECK (...) NOT VALID; next migration: ", AlterTable(relation),
                           "VALIDATE CONSTRAINT ", name);
}

void AddForeignKey(const AlterTarget& target, Node constraint, const std::string& name,
                   StatementContext& context) {
  const Relation& relation = target.relation;
  const bool checks = !constraint["skip_validation"].flag();
  TightenTable(relation, constraint, context);
  LockPartner(relation, constraint, checks, context);
  ReportCascade(relation, constraint, context);
  if (!checks) return;
  ScanRows(target, context);
  const std::string partner = model::NameOf(constraint["pktable"]).text();
  context
      .ReportOn(relation, Rule::kAddForeignKeyValidating, constraint,
                absl::StrCat("writers of ", relation.name.text(), " and ", partner,
                             " wait while every row is tried against ", name))
      .hint = absl::StrCat(
      AlterTable(relation), "ADD CONSTRAINT ", name, " FOREIGN KEY ... REFERENCES ", partner,
      " NOT VALID; next migration: ", AlterTable(relation), "VALIDATE CONSTRAINT ", name);
}

// PRIMARY KEY makes its columns NOT NULL first. Whether that reads the table.
bool ScansForKey(const AlterTarget& target, const std::vector<std::string>& columns,
                 StatementContext& context) {
  bool scans = false;
  for (const std::string& column : columns) {
    if (!column.empty()) scans |= ScansForNotNull(target, column, context);
  }
  return scans;
}

void AddKeyUsingIndex(const AlterTarget& target, Node constraint, StatementContext& context) {
  const Relation& relation = target.relation;
  const std::string name(constraint["indexname"].text());
  context.LockIndex(relation, name, LockMode::kShareUpdateExclusive);
  context.TouchesObject(ObjectClass::kIndex, {relation.name.schema, name}, Effect::kAlter,
                        !relation.is_new);
  context.Touches(relation, "", Effect::kAlter);
  if (constraint["contype"].text() != "CONSTR_PRIMARY") return;
  const Index* index = relation.FindIndex(name);
  const bool known = index != nullptr && relation.complete;
  if (known && !ScansForKey(target, index->columns, context)) return;
  if (!known) {
    ScanRows(target, context);
    context.facts.phase_unknown = true;
  }
  TightenTable(relation, constraint, context);
  context
      .ReportOn(
          relation, Rule::kAddPrimaryKeyUsingIndexNullable, constraint,
          absl::StrCat("columns of ", name, known ? " are" : " may be", " nullable: every row of ",
                       relation.name.text(), " is read under ACCESS EXCLUSIVE"))
      .hint = absl::StrCat(
      "make them NOT NULL before, by a CHECK (... IS NOT NULL) NOT VALID that "
      "is validated in a migration of its own");
}

void AddKey(const AlterTarget& target, Node constraint, const std::string& name,
            StatementContext& context) {
  if (constraint["indexname"]) return AddKeyUsingIndex(target, constraint, context);
  const Relation& relation = target.relation;
  const bool primary = constraint["contype"].text() == "CONSTR_PRIMARY";
  const std::vector<std::string> columns = KeyColumns(constraint, "");
  TightenTable(relation, constraint, context);
  ScanRows(target, context);
  const std::string list = absl::StrJoin(columns, ", ");
  const absl::string_view kind = primary ? "PRIMARY KEY" : "UNIQUE";
  context
      .ReportOn(relation, primary ? Rule::kAddPrimaryKeyScan : Rule::kAddUniqueConstraintScan,
                constraint,
                absl::StrCat("the index of ", name, " is built over ", relation.name.text(),
                             " under ACCESS EXCLUSIVE"))
      .hint =
      absl::StrCat("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ", name, " ON ",
                   relation.name.text(), " (", list, "); next migration: ", AlterTable(relation),
                   "ADD CONSTRAINT ", name, " ", kind, " USING INDEX ", name);
}

void AddExclusion(const AlterTarget& target, Node constraint, const std::string& name,
                  StatementContext& context) {
  const Relation& relation = target.relation;
  TightenTable(relation, constraint, context);
  ScanRows(target, context);
  context.ReportOn(relation, Rule::kAddExclusionConstraint, constraint,
                   absl::StrCat("the index of ", name, " is built and every row of ",
                                relation.name.text(), " is tried under ACCESS EXCLUSIVE"));
}

// ---- DROP CONSTRAINT.

// Locks what the constraint holds on to outside of its table.
void ClaimDrop(const Relation& relation, const Constraint& constraint, bool cascade,
               StatementContext& context) {
  if (constraint.kind == ConstraintKind::kForeignKey) {
    context.Lock(context.Resolve(constraint.references), LockMode::kAccessExclusive);
  }
  if (constraint.index.empty()) return;
  context.LockIndex(relation, constraint.index, LockMode::kAccessExclusive);
  context.TouchesObject(ObjectClass::kIndex, {relation.name.schema, constraint.index},
                        Effect::kBreak, !relation.is_new);
  if (!cascade) return;
  for (const auto& [table, key] : context.db.ReferencesTo(relation.name)) {
    if (key->referenced_columns != constraint.columns) continue;
    context.Lock(*table, LockMode::kAccessExclusive);
    const std::string name = key->name;
    std::erase_if(table->constraints, [&](const Constraint& c) { return c.name == name; });
    std::erase_if(table->indexes, [&](const Index& i) { return i.constraint == name; });
  }
}

void EraseConstraint(Relation& relation, absl::string_view name) {
  if (const Constraint* found = relation.FindConstraint(name);
      found != nullptr && found->kind == ConstraintKind::kNotNull) {
    for (const std::string& column : found->columns) {
      if (model::Column* nullable = relation.FindColumn(column)) nullable->not_null = false;
    }
  }
  std::erase_if(relation.indexes, [&](const Index& index) { return index.constraint == name; });
  std::erase_if(relation.constraints, [&](const Constraint& c) { return c.name == name; });
}

// A key that is gone breaks ON CONFLICT; everything else was only in the way of writers.
void StrengthenByDrop(const Relation& relation, const Constraint* found,
                      StatementContext& context) {
  const bool loosens = found != nullptr && (found->kind == ConstraintKind::kCheck ||
                                            found->kind == ConstraintKind::kForeignKey ||
                                            found->kind == ConstraintKind::kNotNull);
  if (loosens) {
    context.Strengthen(Phase::kExpand);
    context.Touches(relation, "", Effect::kAlter);
    return;
  }
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
  if (found == nullptr) context.facts.phase_unknown = true;
}

}  // namespace

void LockPartner(const Relation& relation, Node foreign_key, bool checks,
                 StatementContext& context) {
  const Relation& partner = context.Resolve(foreign_key["pktable"]);
  // A table that is new is empty, or filled by the migration.
  const bool scan = checks && !relation.is_new;
  context.Lock(partner, LockMode::kShareRowExclusive);
  context.Touches(partner, "", Effect::kAlter);
  if (scan) ScanRows(partner, context);
  if (partner.kind != RelationKind::kPartitionedTable) return;
  for (const Relation* partition : context.db.Descendants(partner)) {
    context.Lock(*partition, LockMode::kShareRowExclusive);
    if (scan) ScanRows(*partition, context);
  }
}

void ReportCascade(const Relation& relation, Node foreign_key, StatementContext& context) {
  const absl::string_view action = foreign_key["fk_del_action"].text();
  if (action != "c" && action != "n" && action != "d") return;
  context.ReportOn(
      relation, Rule::kFkCascadeAction, foreign_key,
      absl::StrCat("one row deleted from ", model::NameOf(foreign_key["pktable"]).text(), " may ",
                   action == "c" ? "delete" : "change", " any number of rows of ",
                   relation.name.text()));
}

void ReportLiveWriters(const Relation& relation, Node at, StatementContext& context) {
  context.ReportOn(relation, Rule::kAddConstraintOnLiveWriters, at,
                   absl::StrCat("running writers of ", relation.name.text(),
                                " meet the constraint as soon as it is there"));
}

void AnalyzeAddConstraint(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const Node constraint = command["def"].As("Constraint");
  const absl::string_view type = constraint["contype"].text();
  // Under its name before the model changes: the claims are about what is there now.
  Relation scratch = relation;
  const Constraint* defined = DefineConstraint(scratch, constraint, "", context);
  const std::string name = defined == nullptr ? "" : defined->name;
  if (type == "CONSTR_CHECK") {
    AddCheck(target, constraint, name, context);
  } else if (type == "CONSTR_FOREIGN") {
    AddForeignKey(target, constraint, name, context);
  } else if (type == "CONSTR_PRIMARY" || type == "CONSTR_UNIQUE") {
    AddKey(target, constraint, name, context);
  } else if (type == "CONSTR_EXCLUSION") {
    AddExclusion(target, constraint, name, context);
  } else {
    return NotAnalysed(context);
  }
  ReportUnnamed(relation, constraint, name, context);
  DefineConstraint(relation, constraint, "", context);
  for (Relation* each : target.below) {
    Constraint* inherited = DefineConstraint(*each, constraint, "", context);
    // A CHECK has one name in the whole family.
    if (inherited != nullptr && type == "CONSTR_CHECK") inherited->name = name;
  }
}

void AnalyzeValidateConstraint(const AlterTarget& target, Node command, StatementContext& context) {
  const std::string name(command["name"].text());
  for (Relation* each : target.All()) {
    Constraint* constraint = each->FindConstraint(name);
    if (constraint == nullptr ? each->complete : constraint->valid) continue;
    ScanRows(*each, context);
    if (constraint == nullptr) continue;
    if (constraint->kind == ConstraintKind::kForeignKey) {
      const Relation& partner = context.Resolve(constraint->references);
      context.Lock(partner, LockMode::kRowShare, {.scan = true});
    }
    constraint->valid = true;
  }
  context.Touches(target.relation, "", Effect::kAlter);
}

void AnalyzeDropConstraint(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const std::string name(command["name"].text());
  const Constraint* found = relation.FindConstraint(name);
  if (SkipsMissing(relation, found != nullptr, command, context)) return;
  const bool cascade = command["behavior"].text() == "DROP_CASCADE";
  StrengthenByDrop(relation, found, context);
  const bool key = found != nullptr && !found->index.empty();
  context.ReportOn(relation, Rule::kDropConstraint, command,
                   absl::StrCat("constraint ", name, " of ", relation.name.text(), " goes",
                                key ? " with its index, and ON CONFLICT of running code fails"
                                    : ": rows that it kept out may come in"));
  if (found != nullptr && found->kind == ConstraintKind::kNotNull) {
    context.ReportOn(
        relation, Rule::kDropNotNull, command,
        absl::StrCat("column ", ColumnText(relation, absl::StrJoin(found->columns, ", ")),
                     " may be NULL from here on, for old readers too"));
  }
  if (cascade) {
    context
        .ReportOn(relation, Rule::kDropCascade, command,
                  absl::StrCat("CASCADE drops foreign keys of other tables with ", name,
                               " without naming them"))
        .hint = absl::StrCat(AlterTable(relation), "DROP CONSTRAINT ", name);
  }
  for (Relation* each : target.All()) {
    if (const Constraint* constraint = each->FindConstraint(name)) {
      ClaimDrop(*each, *constraint, cascade, context);
    }
    EraseConstraint(*each, name);
  }
}

void AnalyzeAlterConstraint(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const Node constraint = command["def"].As("Constraint");
  context.Touches(relation, "", Effect::kAlter);
  if (constraint["deferrable"].flag()) {
    context.Strengthen(Phase::kExpand);
    return;
  }
  // Transactions that rely on the check being put off fail now.
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
}

}  // namespace lockstep::sql
