// RENAME of everything but columns.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/renaming.h"

namespace lockstep::sql {
namespace {

using model::Index;
using model::Name;
using model::Relation;

// ---- Indexes.

void RenameKnownIndex(Relation& table, Index& index, Node statement, StatementContext& context) {
  const bool as_table = statement["renameType"].text() == "OBJECT_TABLE";
  const std::string from = index.name;
  const std::string to(statement["newname"].text());
  context.LockIndex(table, from,
                    as_table ? LockMode::kAccessExclusive : LockMode::kShareUpdateExclusive);
  context.TouchesObject(ObjectClass::kIndex, {table.name.schema, from}, Effect::kBreak,
                        !table.is_new);
  context.TouchesObject(ObjectClass::kIndex, {table.name.schema, to}, Effect::kCreate, false);
  if (as_table) {
    context
        .ReportOn(table, Rule::kRenameIndexLock, statement["relation"],
                  absl::StrCat("ALTER TABLE renames index ", from,
                               " under a lock that stops queries of ", table.name.text()))
        .hint = absl::StrCat("ALTER INDEX ", from, " RENAME TO ", to);
  }
  index.name = to;
  context.db.Note(table);
  if (index.constraint.empty()) return;
  RenameConstraint(table, index.constraint, to, statement["relation"], context);
}

// Returns false when it is about no index.
bool RenameIndex(const Name& written, Node statement, StatementContext& context) {
  const auto [table, index] = context.db.FindIndex(written);
  if (index != nullptr) {
    RenameKnownIndex(*table, *index, statement, context);
    return true;
  }
  if (statement["renameType"].text() != "OBJECT_INDEX") return false;
  const Name from = context.db.NameForNew(written);
  context.LockObject(ObjectClass::kIndex, from, LockMode::kShareUpdateExclusive, /*live=*/true);
  context.TouchesObject(ObjectClass::kIndex, from, Effect::kBreak);
  return true;
}

// ---- Relations.

void RenameRelation(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  Relation* found = context.Find(written);
  if (found == nullptr && statement["missing_ok"].flag() && context.db.complete &&
      context.db.FindIndex(written).second == nullptr) {
    context.facts.no_op = true;
    return;
  }
  if (found == nullptr && RenameIndex(written, statement, context)) return;
  Relation& relation = found != nullptr ? *found : context.Resolve(written);
  const Name to{relation.name.schema, std::string(statement["newname"].text())};
  MoveRelation(relation, to, "renames", statement["relation"], context);
}

void RenameTableConstraint(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  if (statement["missing_ok"].flag() && context.IsKnownMissing(written)) {
    context.facts.no_op = true;
    return;
  }
  Relation& relation = context.Resolve(written);
  context.Lock(relation, LockMode::kAccessExclusive);
  if (statement["relation"]["inh"].flag()) {
    for (const Relation* below : context.db.Descendants(relation)) {
      context.Lock(*below, LockMode::kAccessExclusive);
    }
  }
  context.Touches(relation, "", Effect::kAlter);
  const model::Constraint* constraint = relation.FindConstraint(statement["subname"].text());
  if (constraint != nullptr && !constraint->index.empty()) {
    context.LockIndex(relation, constraint->index, LockMode::kShareUpdateExclusive);
  }
  RenameConstraint(relation, std::string(statement["subname"].text()),
                   std::string(statement["newname"].text()), statement["relation"], context);
}

// Triggers, rules and policies: no client names them, but triggers and rules fire in the order of
// their names.
void RenamePartOfTable(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  if (statement["missing_ok"].flag() && context.IsKnownMissing(written)) {
    context.facts.no_op = true;
    return;
  }
  Relation& relation = context.Resolve(written);
  context.Lock(relation, LockMode::kAccessExclusive);
  context.Touches(relation, "", Effect::kAlter);
  const std::string from(statement["subname"].text());
  const std::string to(statement["newname"].text());
  if (statement["renameType"].text() == "OBJECT_POLICY") {
    for (model::Policy& policy : relation.policies) {
      if (policy.name == from) policy.name = to;
    }
    return;
  }
  context.StrengthenOn(relation, Phase::kExpand);
  for (model::Trigger& trigger : relation.triggers) {
    if (trigger.name == from) trigger.name = to;
  }
  if (relation.rules.erase(from) > 0) relation.rules.insert(to);
}

// ---- Schemas.

template <typename Map>
std::vector<Name> NamesIn(const Map& map, const std::string& schema) {
  std::vector<Name> names;
  for (const auto& [name, object] : map) {
    if (name.schema == schema) names.push_back(name);
  }
  return names;
}

template <typename Map>
void MoveAll(const std::string& from, const std::string& to, Map& map) {
  for (const Name& name : NamesIn(map, from)) {
    auto moved = map.extract(name);
    moved.key().schema = to;
    map.insert(std::move(moved));
  }
}

void RenameSchema(Node statement, StatementContext& context) {
  const std::string from(statement["subname"].text());
  const std::string to(statement["newname"].text());
  const bool is_new = context.db.new_schemas.contains(from);
  context.TouchesObject(ObjectClass::kSchema, {"", from}, Effect::kBreak, !is_new);
  context.TouchesObject(ObjectClass::kSchema, {"", to}, Effect::kCreate, false);
  if (is_new) {
    context.Strengthen(Phase::kExpand);
  } else {
    context.Strengthen(Phase::kContract, ContractKind::kReshape);
    Finding& finding = context.Report(
        Rule::kRenameTable, Node(),
        absl::StrCat("renames schema ", from,
                     ": whatever names its tables fails at once, and no lock waits for them"));
    finding.object = from;
    finding.hint = absl::StrCat("CREATE SCHEMA ", to, ", and move one table after another");
  }
  for (const Name& name : NamesIn(context.db.relations, from)) {
    context.Touches(context.Resolve(name), "", Effect::kBreak);
    context.db.Rename(name, {to, name.name});
  }
  MoveAll(from, to, context.db.functions);
  for (const Name& name : NamesIn(context.db.types, from)) {
    MoveType(name, {to, name.name}, context);
  }
  if (context.db.schemas.erase(from) > 0) context.db.schemas.insert(to);
  if (context.db.new_schemas.erase(from) > 0) context.db.new_schemas.insert(to);
}

// ---- Everything else.

void RenameTypeStatement(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["object"]);
  const model::TypeDefinition* type = context.db.FindType(written);
  const Name from = type == nullptr ? context.db.NameForNew(written) : type->name;
  const Name to{from.schema, std::string(statement["newname"].text())};
  ReportRenamed(ObjectClass::kType, from, to, type != nullptr && type->is_new, Node(), context);
  MoveType(from, to, context);
}

void RenameFunction(Node statement, StatementContext& context) {
  MoveFunction(statement["object"].body(), "", std::string(statement["newname"].text()), context);
}

void RenameDomainConstraint(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["object"]);
  model::TypeDefinition* type = context.db.FindType(written);
  const bool is_new = type != nullptr && type->is_new;
  context.TouchesObject(ObjectClass::kType, type == nullptr ? written : type->name, Effect::kAlter,
                        !is_new);
  if (type != nullptr) {
    for (auto& constraint : type->constraints) {
      if (constraint.name == statement["subname"].text()) {
        constraint.name = std::string(statement["newname"].text());
      }
    }
  }
  ReportConstraintRenamed(std::string(statement["subname"].text()), written, is_new, Node(),
                          context);
}

void RenamePublication(Node statement, StatementContext& context) {
  const std::string from(statement["object"].text());
  const std::string to(statement["newname"].text());
  context.TouchesObject(ObjectClass::kPublication, {"", from}, Effect::kBreak);
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  context.Report(Rule::kReplicationChange, Node(),
                 absl::StrCat("subscribers that name ", from, " stop receiving changes"));
  if (auto moved = context.db.publications.extract(from)) {
    moved.key() = to;
    context.db.publications.insert(std::move(moved));
  }
}

void RenameClusterWide(Node statement, StatementContext& context) {
  context.Report(Rule::kClusterWideChange, Node(),
                 absl::StrCat("renames ", statement["subname"].text(),
                              ", which all databases of the server share"));
}

// No client names them.
void RenameInternal(Node statement, StatementContext& context) {
  context.TouchesObject(ObjectClass::kOther, model::NameOf(statement["object"]), Effect::kAlter);
}

void RenameStatistics(Node statement, StatementContext& context) {
  if (const auto known = context.db.FindStatistics(model::NameOf(statement["object"]))) {
    MoveStatistics(*known, {known->schema, std::string(statement["newname"].text())}, context);
  }
  RenameInternal(statement, context);
}

void RenameOther(Node statement, StatementContext& context) {
  Node object = statement["object"];
  if (const Node with_arguments = object.As("ObjectWithArgs")) object = with_arguments["objname"];
  Name from = model::NameOf(object);
  if (from.name.empty()) from.name = std::string(statement["subname"].text());
  ReportRenamed(ObjectClass::kOther, from, {from.schema, std::string(statement["newname"].text())},
                /*is_new=*/false, Node(), context);
}

struct Row {
  absl::string_view type;
  void (*handler)(Node, StatementContext&);
};

constexpr Row kRows[] = {
    {"OBJECT_TABLE", RenameRelation},
    {"OBJECT_VIEW", RenameRelation},
    {"OBJECT_MATVIEW", RenameRelation},
    {"OBJECT_SEQUENCE", RenameRelation},
    {"OBJECT_FOREIGN_TABLE", RenameRelation},
    {"OBJECT_INDEX", RenameRelation},
    {"OBJECT_COLUMN", RenameColumn},
    {"OBJECT_ATTRIBUTE", RenameAttribute},
    {"OBJECT_TABCONSTRAINT", RenameTableConstraint},
    {"OBJECT_DOMCONSTRAINT", RenameDomainConstraint},
    {"OBJECT_TRIGGER", RenamePartOfTable},
    {"OBJECT_RULE", RenamePartOfTable},
    {"OBJECT_POLICY", RenamePartOfTable},
    {"OBJECT_SCHEMA", RenameSchema},
    {"OBJECT_TYPE", RenameTypeStatement},
    {"OBJECT_DOMAIN", RenameTypeStatement},
    {"OBJECT_FUNCTION", RenameFunction},
    {"OBJECT_PROCEDURE", RenameFunction},
    {"OBJECT_AGGREGATE", RenameFunction},
    {"OBJECT_ROUTINE", RenameFunction},
    {"OBJECT_PUBLICATION", RenamePublication},
    {"OBJECT_SUBSCRIPTION", RenamePublication},
    {"OBJECT_ROLE", RenameClusterWide},
    {"OBJECT_DATABASE", RenameClusterWide},
    {"OBJECT_TABLESPACE", RenameClusterWide},
    {"OBJECT_STATISTIC_EXT", RenameStatistics},
    {"OBJECT_OPCLASS", RenameInternal},
    {"OBJECT_OPFAMILY", RenameInternal},
    {"OBJECT_EVENT_TRIGGER", RenameInternal},
    {"OBJECT_CONVERSION", RenameInternal},
    {"OBJECT_TSPARSER", RenameInternal},
    {"OBJECT_TSTEMPLATE", RenameInternal},
};

}  // namespace

void MoveStatistics(const Name& from, const Name& to, StatementContext& context) {
  auto moved = context.db.statistics.extract(from);
  moved.key() = to;
  context.db.statistics.insert(std::move(moved));
}

void AnalyzeRename(Node statement, StatementContext& context) {
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  const absl::string_view type = statement["renameType"].text();
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&](const Row& r) { return r.type == type; });
  (row == std::end(kRows) ? RenameOther : row->handler)(statement, context);
}

}  // namespace lockstep::sql
