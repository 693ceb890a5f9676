// RENAME COLUMN and RENAME ATTRIBUTE.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/renaming.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;

void Replace(std::vector<std::string>* columns, const std::string& from, const std::string& to) {
  std::replace(columns->begin(), columns->end(), from, to);
}

void Replace(std::set<std::string>* columns, const std::string& from, const std::string& to) {
  if (columns->erase(from) > 0) columns->insert(to);
}

// Inside of the relation itself.
void RenameIn(Relation& relation, const std::string& from, const std::string& to) {
  for (model::Column& column : relation.columns) {
    if (column.name == from) column.name = to;
    Replace(&column.reads, from, to);
  }
  for (model::Constraint& constraint : relation.constraints) {
    const bool reads = std::find(constraint.columns.begin(), constraint.columns.end(), from) !=
                       constraint.columns.end();
    if (reads) constraint.expression.clear();  // It names the column.
    Replace(&constraint.columns, from, to);
    Replace(&constraint.proves_not_null, from, to);
  }
  for (model::Index& index : relation.indexes) {
    Replace(&index.columns, from, to);
    Replace(&index.reads, from, to);
  }
  for (model::Trigger& trigger : relation.triggers) Replace(&trigger.columns, from, to);
  for (model::Policy& policy : relation.policies) Replace(&policy.columns, from, to);
  Replace(&relation.partition_key, from, to);
}

// In everything that knows the relation's columns.
void RenameAround(const Name& relation, const std::string& from, const std::string& to,
                  StatementContext& context) {
  for (auto& [name, other] : context.db.relations) {
    for (model::Constraint& constraint : other.constraints) {
      if (constraint.references == relation) Replace(&constraint.referenced_columns, from, to);
    }
    if (const auto reads = other.view_reads.find(relation); reads != other.view_reads.end()) {
      Replace(&reads->second, from, to);
    }
    if (other.owned_by.has_value() && other.owned_by->first == relation &&
        other.owned_by->second == from) {
      other.owned_by->second = to;
    }
  }
}

void RenameOn(Relation& relation, const std::string& from, const std::string& to,
              StatementContext& context) {
  context.Lock(relation, LockMode::kAccessExclusive);
  context.Touches(relation, from, Effect::kBreak);
  context.Touches(relation, to, Effect::kCreate);
  RenameIn(relation, from, to);
  RenameAround(relation.name, from, to, context);
}

std::string Expand(const Relation& relation, const std::string& from, const std::string& to) {
  return absl::StrCat("add ", to, " beside ", from, " of ", relation.name.text(),
                      ", copy by a trigger and a backfill, and drop ", from,
                      " once no running version names it");
}

}  // namespace

void RenameColumn(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  if (statement["missing_ok"].flag() && context.IsKnownMissing(written)) {
    context.facts.no_op = true;
    return;
  }
  Relation& relation = context.Resolve(written);
  const std::string from(statement["subname"].text());
  const std::string to(statement["newname"].text());
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kReshape);
  if (!relation.is_new) {
    Finding& finding =
        context.ReportOn(relation, Rule::kRenameColumn, statement["relation"],
                         absl::StrCat("renames column ", ColumnText(relation, from), " to ", to,
                                      ": whatever names the old one fails at once"));
    finding.object = ColumnText(relation, from);
    finding.hint = Expand(relation, from, to);
  }
  RenameOn(relation, from, to, context);
  // What inherits has the column under the same name; ONLY is refused when there is any.
  for (Relation* below : context.db.Descendants(relation)) RenameOn(*below, from, to, context);
}

void RenameAttribute(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  const model::TypeDefinition* type = context.db.FindType(written);
  Relation* composite = context.Find(written);
  const Name name = type != nullptr        ? type->name
                    : composite != nullptr ? composite->name
                                           : context.db.NameForNew(written);
  const bool is_new =
      (type != nullptr && type->is_new) || (composite != nullptr && composite->is_new);
  const std::string from(statement["subname"].text());
  const std::string to(statement["newname"].text());
  context.LockObject(ObjectClass::kType, name, LockMode::kAccessExclusive, !is_new);
  context.TouchesObject(ObjectClass::kType, name, Effect::kBreak, !is_new);
  context.Strengthen(is_new ? Phase::kExpand : Phase::kContract,
                     is_new ? ContractKind::kNone : ContractKind::kReshape);
  if (!is_new) {
    Finding& finding =
        context.Report(Rule::kRenameObject, statement["relation"],
                       absl::StrCat("renames attribute ", from, " of type ", name.text(), " to ",
                                    to, ": whatever names the old one fails at once"));
    finding.object = absl::StrCat(name.text(), ".", from);
    finding.hint = "make a new type, and move to it column by column";
  }
  if (composite != nullptr) {
    context.Lock(*composite, LockMode::kAccessExclusive);
    RenameIn(*composite, from, to);
  }
  for (auto& [other, relation] : context.db.relations) {
    if (relation.of_type == name) RenameOn(relation, from, to, context);
  }
}

}  // namespace lockstep::sql
