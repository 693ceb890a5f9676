#include "engine/sql/analysis/renaming.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

constexpr int kSecurityInvokerSince = 15;

// A view under the old name, where one can take the place of the relation.
std::string StandIn(const Relation& relation, const Name& to, absl::string_view verb,
                    int server_version) {
  if (relation.kind == RelationKind::kSequence ||
      relation.kind == RelationKind::kMaterializedView) {
    return absl::StrCat("make ", to.text(), " beside it, and drop ", relation.name.text(),
                        " once no running version names it");
  }
  const std::string move = verb == "renames" ? absl::StrCat(" RENAME TO ", to.name)
                                             : absl::StrCat(" SET SCHEMA ", to.schema);
  return absl::StrCat("in one transaction: ALTER TABLE ", relation.name.text(), move,
                      "; CREATE VIEW ", relation.name.text(),
                      server_version >= kSecurityInvokerSince ? " WITH (security_invoker)" : "",
                      " AS SELECT * FROM ", to.text());
}

bool SameArguments(const model::Function& function, Node with_arguments) {
  const std::vector<Node> arguments = with_arguments["objargs"].Items();
  if (with_arguments["args_unspecified"].flag()) return true;
  return arguments.size() == function.arguments.size() &&
         std::equal(arguments.begin(), arguments.end(), function.arguments.begin(),
                    [](Node node, const model::Type& type) {
                      return model::TypeOf(node.As("TypeName")).name == type.name;
                    });
}

}  // namespace

void MoveRelation(Relation& relation, const Name& to, absl::string_view verb, Node at,
                  StatementContext& context) {
  const Name from = relation.name;
  context.Lock(relation, LockMode::kAccessExclusive);
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kReshape);
  if (!relation.is_new) {
    context
        .ReportOn(relation, Rule::kRenameTable, at,
                  absl::StrCat(verb, " ", from.text(), " to ", to.text(),
                               ": whatever names the old one fails at once"))
        .hint = StandIn(relation, to, verb, context.db.major_version());
    context.facts.renamed.emplace_back(from, to);
  }
  if (from == to || context.db.relations.contains(to)) return;  // PostgreSQL refuses it.
  context.TouchesObject(
      relation.kind == RelationKind::kSequence ? ObjectClass::kSequence : ObjectClass::kRelation,
      to, Effect::kCreate, !relation.is_new);
  context.db.Rename(from, to);
}

void MoveType(const Name& from, const Name& to, StatementContext& context) {
  const auto rename = [&](model::Type& type) {
    if (type.name == from.name && (type.schema.empty() || type.schema == from.schema)) {
      type.name = to.name;
      if (!type.schema.empty()) type.schema = to.schema;
    }
  };
  if (auto moved = context.db.types.extract(from)) {
    moved.key() = to;
    moved.mapped().name = to;
    context.db.types.insert(std::move(moved));
  }
  for (auto& [name, relation] : context.db.relations) {
    for (model::Column& column : relation.columns) rename(column.type);
  }
  for (auto& [name, type] : context.db.types) rename(type.base);
  // A composite type is a relation too.
  if (context.db.relations.contains(from) && !context.db.relations.contains(to)) {
    context.db.Rename(from, to);
  }
}

void MoveFunction(Node with_arguments, const std::string& schema, const std::string& name,
                  StatementContext& context) {
  const Name written = model::NameOf(with_arguments["objname"]);
  std::vector<model::Function>* overloads = context.db.FindFunctions(written);
  const Name from = overloads == nullptr || overloads->empty() ? context.db.NameForNew(written)
                                                               : overloads->front().name;
  const Name to{schema.empty() ? from.schema : schema, name.empty() ? from.name : name};
  std::vector<model::Function> moved;
  if (overloads != nullptr) {
    const auto kept = std::stable_partition(
        overloads->begin(), overloads->end(),
        [&](const auto& function) { return !SameArguments(function, with_arguments); });
    moved.assign(std::make_move_iterator(kept), std::make_move_iterator(overloads->end()));
    overloads->erase(kept, overloads->end());
  }
  const bool is_new = !moved.empty() && moved.front().is_new;
  ReportRenamed(ObjectClass::kFunction, from, to, is_new, Node(), context);
  for (model::Function& function : moved) {
    function.name = to;
    context.db.functions[to].push_back(std::move(function));
  }
}

void ReportConstraintRenamed(const std::string& constraint, const Name& of, bool is_new, Node at,
                             StatementContext& context) {
  if (is_new) return context.Strengthen(Phase::kExpand);
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  Finding& finding =
      context.Report(Rule::kRenameObject, at,
                     absl::StrCat("renames constraint ", constraint, " of ", of.text(),
                                  ", which ON CONFLICT ON CONSTRAINT and handlers of errors name"));
  finding.severity = Severity::kWarning;
  finding.object = of.text();
}

void RenameConstraint(Relation& relation, const std::string& from, const std::string& to, Node at,
                      StatementContext& context) {
  ReportConstraintRenamed(from, relation.name, relation.is_new, at, context);
  for (model::Constraint& constraint : relation.constraints) {
    if (constraint.name != from) continue;
    constraint.name = to;
    if (!constraint.index.empty()) constraint.index = to;
  }
  for (model::Index& index : relation.indexes) {
    if (index.constraint == from) index.constraint = index.name = to;
  }
  context.db.Note(relation);
}

void ReportRenamed(ObjectClass object_class, const Name& from, const Name& to, bool is_new, Node at,
                   StatementContext& context) {
  context.TouchesObject(object_class, from, Effect::kBreak, !is_new);
  context.TouchesObject(object_class, to, Effect::kCreate, false);
  if (is_new) return context.Strengthen(Phase::kExpand);
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  Finding& finding = context.Report(Rule::kRenameObject, at,
                                    absl::StrCat("renames ", from.text(), " to ", to.text(),
                                                 ": whatever names the old one fails at once"));
  finding.object = from.text();
  finding.hint = absl::StrCat("make ", to.text(), " beside it, and drop ", from.text(),
                              " once no running version names it");
}

}  // namespace lockstep::sql
