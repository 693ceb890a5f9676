// ALTER COLUMN: identity and generated columns.

#include <string>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/removal.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Relation;

// The sequence of an identity column, or nullptr.
const Relation* SequenceOf(const Relation& relation, absl::string_view column,
                           const StatementContext& context) {
  for (const auto& [name, other] : context.db.relations) {
    if (other.owned_by.has_value() && other.owned_by->first == relation.name &&
        other.owned_by->second == column) {
      return &other;
    }
  }
  return nullptr;
}

void Tighten(const Relation& relation, absl::string_view column, Node command,
             absl::string_view what, StatementContext& context) {
  context.Touches(relation, column, Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
  const std::string text = ColumnText(relation, column);
  context
      .ReportOn(relation, Rule::kTightenGenerated, command,
                absl::StrCat("column ", text, " ", what))
      .object = text;
}

constexpr char kRefusesValues[] = "refuses values of running writers that name it";

void AddIdentity(const AlterTarget& target, const std::string& name, Node command,
                 StatementContext& context) {
  const bool always = command["def"].As("Constraint")["generated_when"].text() == "a";
  if (always) {
    Tighten(target.relation, name, command, kRefusesValues, context);
  } else {
    context.Strengthen(Phase::kExpand);
    context.Touches(target.relation, name, Effect::kAlter);
  }
  for (Relation* each : target.All()) {
    if (Column* column = each->FindColumn(name)) {
      column->identity = always ? model::Identity::kAlways : model::Identity::kByDefault;
      column->has_default = true;
    }
  }
}

void SetIdentity(const AlterTarget& target, const std::string& name, Node command,
                 StatementContext& context) {
  const Relation& relation = target.relation;
  context.Touches(relation, name, Effect::kAlter);
  context.Strengthen(Phase::kExpand);
  if (const Relation* sequence = SequenceOf(relation, name, context)) {
    context.Lock(*sequence, LockMode::kShareRowExclusive);
  }
  for (const Node item : command["def"].Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() == "restart") {
      context.StrengthenOn(relation, Phase::kData);
      context.ReportOn(relation, Rule::kSequenceChange, command,
                       absl::StrCat("the numbers of column ", ColumnText(relation, name),
                                    " start again, and may meet those that are taken"));
    }
    if (option["defname"].text() != "generated") continue;
    // The letter is an integer of the tree.
    const bool always = option["arg"].number() == 'a';
    if (always) Tighten(relation, name, command, kRefusesValues, context);
    for (Relation* each : target.All()) {
      if (Column* column = each->FindColumn(name)) {
        column->identity = always ? model::Identity::kAlways : model::Identity::kByDefault;
      }
    }
  }
}

void DropIdentity(const AlterTarget& target, const std::string& name, Node command,
                  StatementContext& context) {
  const Column* found = target.relation.FindColumn(name);
  const bool has = found != nullptr && found->identity != model::Identity::kNo;
  if (SkipsMissing(target.relation, has, command, context)) return;
  Tighten(target.relation, name, command, "gets no number any more when writers leave it out",
          context);
  if (const Relation* sequence = SequenceOf(target.relation, name, context)) {
    RemoveRelations({sequence->name}, /*cascade=*/true, context);
  }
  for (Relation* each : target.All()) {
    if (Column* column = each->FindColumn(name)) {
      column->identity = model::Identity::kNo;
      column->has_default = false;
    }
  }
}

void DropExpression(const AlterTarget& target, const std::string& name, Node command,
                    StatementContext& context) {
  const Column* found = target.relation.FindColumn(name);
  const bool has = found != nullptr && found->generated != model::Generated::kNo;
  if (SkipsMissing(target.relation, has, command, context)) return;
  Tighten(target.relation, name, command, "is not computed any more", context);
  for (Relation* each : target.All()) {
    if (Column* column = each->FindColumn(name)) {
      column->generated = model::Generated::kNo;
      column->has_default = false;
      column->reads.clear();
    }
  }
}

void SetExpression(const AlterTarget& target, const std::string& name, Node command,
                   StatementContext& context) {
  const Relation& relation = target.relation;
  context.Touches(relation, name, Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kReshape);
  const Column* found = relation.FindColumn(name);
  if (found != nullptr && found->generated == model::Generated::kVirtual) return;
  RewriteRows(target, context);
  const std::string text = ColumnText(relation, name);
  context
      .ReportOn(relation, Rule::kSetExpressionRewrite, command,
                absl::StrCat("column ", text,
                             " is computed anew: the table and its indexes are written anew"))
      .object = text;
}

}  // namespace

void AnalyzeGeneratedColumn(const AlterTarget& target, Node command, StatementContext& context) {
  const absl::string_view subtype = command["subtype"].text();
  const std::string name(command["name"].text());
  if (subtype == "AT_AddIdentity") {
    AddIdentity(target, name, command, context);
  } else if (subtype == "AT_SetIdentity") {
    SetIdentity(target, name, command, context);
  } else if (subtype == "AT_DropIdentity") {
    DropIdentity(target, name, command, context);
  } else if (subtype == "AT_DropExpression") {
    DropExpression(target, name, command, context);
  } else {
    SetExpression(target, name, command, context);
  }
}

}  // namespace lockstep::sql
