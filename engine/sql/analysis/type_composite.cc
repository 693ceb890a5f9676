// ALTER TYPE of composite types, and DROP TYPE.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/type_users.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

Relation& ResolveComposite(Node range, StatementContext& context) {
  Relation& composite = context.Resolve(range);
  if (!composite.complete) composite.kind = RelationKind::kCompositeType;
  return composite;
}

// The tables OF the type: with CASCADE they change as it does.
std::vector<Relation*> TypedTables(const Relation& composite, model::Database& database) {
  std::vector<Relation*> tables;
  for (auto& [name, relation] : database.relations) {
    if (relation.of_type == composite.name) tables.push_back(&relation);
  }
  return tables;
}

void ChangeAttribute(Node command, Relation& relation) {
  const absl::string_view subtype = command["subtype"].text();
  const Node definition = command["def"].As("ColumnDef");
  const std::string name(command["name"].text());
  if (subtype == "AT_AddColumn") {
    relation.columns.push_back({.name = std::string(definition["colname"].text()),
                                .type = model::TypeOf(definition["typeName"])});
  } else if (subtype == "AT_DropColumn") {
    std::erase_if(relation.columns, [&](const model::Column& c) { return c.name == name; });
  } else if (model::Column* column = relation.FindColumn(name)) {
    column->type = model::TypeOf(definition["typeName"]);
  }
}

void ReportCascade(const Relation& composite, StatementContext& context) {
  context.ReportOn(composite, Rule::kDropCascade, Node(),
                   absl::StrCat("CASCADE drops the attribute from every table OF ",
                                composite.name.text(), " too"));
}

}  // namespace

void AnalyzeAlterCompositeType(Node alter_table_statement, StatementContext& context) {
  Relation& composite = ResolveComposite(alter_table_statement["relation"], context);
  context.Lock(composite, LockMode::kAccessExclusive);
  const std::vector<Relation*> tables = TypedTables(composite, context.db);
  bool changes = false;
  for (const Node item : alter_table_statement["cmds"].Items()) {
    const Node command = item.As("AlterTableCmd");
    const bool drops = command["subtype"].text() == "AT_DropColumn";
    const bool cascade = command["behavior"].text() == "DROP_CASCADE";
    if (cascade) {
      for (const Relation* table : tables) context.Lock(*table, LockMode::kAccessExclusive);
    }
    if (drops && command["missing_ok"].flag() && composite.complete &&
        composite.FindColumn(command["name"].text()) == nullptr) {
      context.facts.guard = Guard::kIfExists;
      continue;
    }
    changes = true;
    if (drops && cascade) ReportCascade(composite, context);
    ChangeAttribute(command, composite);
    if (!cascade) continue;
    for (Relation* table : tables) {
      context.Touches(*table, "", Effect::kBreak);
      ChangeAttribute(command, *table);
    }
  }
  context.facts.no_op = !changes;
  if (!changes) return;
  context.Touches(composite, "", Effect::kBreak);
  context.TouchesObject(ObjectClass::kType, composite.name, Effect::kBreak, !composite.is_new);
  context.StrengthenOn(composite, Phase::kContract, ContractKind::kReshape);
  context
      .ReportOn(composite, Rule::kAlterCompositeType, alter_table_statement["relation"],
                absl::StrCat("running versions read and write ", composite.name.text(),
                             " with the attributes that it has now"))
      .hint = "create a type with another name, and move to it column by column";
}

void AnalyzeDropType(Node statement, StatementContext& context) {
  const bool guarded = statement["missing_ok"].flag();
  const bool cascade = statement["behavior"].text() == "DROP_CASCADE";
  if (guarded) context.facts.guard = Guard::kIfExists;
  std::set<Name> names;
  for (const Node object : statement["objects"].Items()) {
    const Name written = model::NameOf(object);
    const model::TypeDefinition* type = context.db.FindType(written);
    if (type == nullptr && guarded && context.db.complete) continue;
    const Name name = type == nullptr ? context.db.NameForNew(written) : type->name;
    const bool live = type == nullptr || !type->is_new;
    names.insert(name);
    context.TouchesObject(ObjectClass::kType, name, Effect::kBreak, live);
    if (!live) {
      context.Strengthen(Phase::kExpand);
      continue;
    }
    context.Strengthen(Phase::kContract, ContractKind::kRemove);
    Finding& finding =
        context.Report(Rule::kDropType, Node(),
                       absl::StrCat("running versions that name type ", name.text(), " fail",
                                    cascade ? ", and every column of it goes" : ""));
    finding.object = name.text();
    finding.hint = "drop its columns first, each behind its own gate, and the type last";
  }
  context.facts.no_op = guarded && names.empty();
  if (!names.empty()) RemoveTypes(names, cascade, context);
}

}  // namespace lockstep::sql
