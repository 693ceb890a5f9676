// GRANT and REVOKE, owners, default privileges.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/removal.h"
#include "engine/sql/analysis/signature.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

// From there on GRANT and REVOKE lock the relations that they name, though not those of a schema.
constexpr int kGrantLocksFrom = 18;

// One thing that a privilege or an owner is about.
struct Target {
  ObjectClass object_class = ObjectClass::kOther;
  Name name;
  bool live = true;
};

bool IsLiveFunction(const Name& written, Node object, StatementContext& context) {
  const std::vector<model::Function>* overloads = context.db.FindFunctions(written);
  if (overloads == nullptr) return true;
  if (const model::Function* function = FindFunction(*overloads, object)) return !function->is_new;
  return std::any_of(overloads->begin(), overloads->end(),
                     [](const model::Function& function) { return !function.is_new; });
}

// What `object` of kind `kind` ("OBJECT_FUNCTION") is; tables are looked up by the caller.
Target TargetOf(absl::string_view kind, Node object, StatementContext& context) {
  Target target{.name = model::NameOf(object)};
  if (kind == "OBJECT_SCHEMA") {
    target.object_class = ObjectClass::kSchema;
    target.live = !context.db.new_schemas.contains(target.name.name);
  } else if (kind == "OBJECT_FUNCTION" || kind == "OBJECT_PROCEDURE" || kind == "OBJECT_ROUTINE" ||
             kind == "OBJECT_AGGREGATE") {
    target.object_class = ObjectClass::kFunction;
    target.name = model::NameOf(object.As("ObjectWithArgs")["objname"]);
    target.live = IsLiveFunction(target.name, object.As("ObjectWithArgs"), context);
    if (const auto* overloads = context.db.FindFunctions(target.name);
        overloads != nullptr && !overloads->empty()) {
      target.name = overloads->front().name;
    }
  } else if (kind == "OBJECT_TYPE" || kind == "OBJECT_DOMAIN") {
    target.object_class = ObjectClass::kType;
    const model::TypeDefinition* type = context.db.FindType(target.name);
    target.live = type == nullptr || !type->is_new;
    if (type != nullptr) target.name = type->name;
  } else if (kind == "OBJECT_PUBLICATION") {
    target.object_class = ObjectClass::kPublication;
    const auto found = context.db.publications.find(target.name.name);
    target.live = found == context.db.publications.end() || !found->second.is_new;
  }
  return target;
}

std::string RolesText(Node roles) {
  std::vector<std::string> names;
  for (const Node item : roles.Items()) {
    const Node role = item.As("RoleSpec");
    names.emplace_back(role["roletype"].text() == "ROLESPEC_PUBLIC" ? "PUBLIC"
                       : role["rolename"]                           ? role["rolename"].text()
                                                                    : "the current user");
  }
  return absl::StrJoin(names, ", ");
}

void ReportRevoke(absl::string_view object, std::string message, StatementContext& context) {
  Finding& finding = context.Report(Rule::kRevokePrivilege, Node(), std::move(message));
  finding.object = std::string(object);
  finding.hint = "check that no role that a running version uses loses what it needs";
}

// ---- GRANT and REVOKE.

void ClaimGrant(const Relation& relation, Node statement, StatementContext& context) {
  const Effect effect = statement["is_grant"].flag() ? Effect::kAlter : Effect::kBreak;
  bool whole = false;
  for (const Node item : statement["privileges"].Items()) {
    const Node columns = item.As("AccessPriv")["cols"];
    whole |= !columns;
    for (const Node column : columns.Items()) context.Touches(relation, column.text(), effect);
  }
  if (whole || !statement["privileges"]) context.Touches(relation, "", effect);
}

// The relations of a schema that ON ALL TABLES or SEQUENCES means.
bool IsMeant(const Relation& relation, absl::string_view kind) {
  if (relation.kind == RelationKind::kSequence) return kind == "OBJECT_SEQUENCE";
  return kind == "OBJECT_TABLE" && relation.kind != RelationKind::kCompositeType;
}

// Everything that the statement names, with its claims.
std::vector<Target> ClaimObjects(Node statement, StatementContext& context) {
  std::vector<Target> targets;
  const absl::string_view kind = statement["objtype"].text();
  const Effect effect = statement["is_grant"].flag() ? Effect::kAlter : Effect::kBreak;
  const bool whole_schema = statement["targtype"].text() == "ACL_TARGET_ALL_IN_SCHEMA";
  for (const Node object : statement["objects"].Items()) {
    if (whole_schema) {
      const std::string schema(object.text());
      targets.push_back({.object_class = ObjectClass::kSchema,
                         .name = {.name = schema},
                         .live = !context.db.new_schemas.contains(schema)});
      for (const auto& [name, relation] : context.db.relations) {
        if (name.schema == schema && IsMeant(relation, kind)) {
          ClaimGrant(relation, statement, context);
        }
      }
    } else if (object.type() == "RangeVar") {
      Relation& relation = context.Resolve(object);
      if (!relation.complete && kind == "OBJECT_SEQUENCE") relation.kind = RelationKind::kSequence;
      if (context.db.major_version() >= kGrantLocksFrom) {
        context.Lock(relation, LockMode::kAccessShare);
      }
      ClaimGrant(relation, statement, context);
      targets.push_back({.object_class = ObjectClass::kRelation,
                         .name = relation.name,
                         .live = !relation.is_new});
    } else {
      targets.push_back(TargetOf(kind, object, context));
      const Target& target = targets.back();
      context.TouchesObject(target.object_class, target.name, effect, target.live);
    }
  }
  return targets;
}

void AnalyzeGrant(Node statement, StatementContext& context) {
  const std::vector<Target> targets = ClaimObjects(statement, context);
  context.Strengthen(Phase::kExpand);
  if (statement["is_grant"].flag()) return;
  const auto live = std::find_if(targets.begin(), targets.end(),
                                 [](const Target& target) { return target.live; });
  if (live == targets.end() && !targets.empty()) return;
  context.Strengthen(Phase::kContract, ContractKind::kTighten);
  const std::string object = live == targets.end() ? "" : live->name.text();
  ReportRevoke(object,
               absl::StrCat(RolesText(statement["grantees"]), " may lose access to ",
                            object.empty() ? "objects made from now on" : object),
               context);
}

void AnalyzeDefaultPrivileges(Node statement, StatementContext& context) {
  for (const Node option : statement["options"].Items()) {
    if (option.As("DefElem")["defname"].text() != "schemas") continue;
    for (const Node schema : option.As("DefElem")["arg"].Items()) {
      const std::string name(schema.text());
      context.TouchesObject(ObjectClass::kSchema, {.name = name}, Effect::kAlter,
                            !context.db.new_schemas.contains(name));
    }
  }
  AnalyzeGrant(statement["action"], context);
}

// ---- Owners.

void AnalyzeOwner(Node statement, StatementContext& context) {
  const absl::string_view kind = statement["objectType"].text();
  const Target target = TargetOf(kind, statement["object"], context);
  const std::string role(statement["newowner"]["rolename"].text());
  context.facts.needs_role = role.empty() ? "member of the new owner" : "member of " + role;
  if (kind == "OBJECT_FDW" || kind == "OBJECT_EVENT_TRIGGER" || kind == "OBJECT_SUBSCRIPTION") {
    context.facts.needs_role = "superuser";
  }
  context.TouchesObject(target.object_class, target.name, Effect::kBreak, target.live);
  if (!target.live) return context.Strengthen(Phase::kExpand);
  context.Strengthen(Phase::kContract, ContractKind::kTighten);
  ReportRevoke(target.name.text(),
               absl::StrCat("roles that have ", target.name.text(), " by its owner lose it"),
               context);
}

// What the roles are known to own.
std::vector<Name> OwnedBy(Node roles, const model::Database& database) {
  std::vector<Name> owned;
  for (const auto& [name, relation] : database.relations) {
    for (const Node role : roles.Items()) {
      if (!relation.owner.empty() && relation.owner == role.As("RoleSpec")["rolename"].text()) {
        owned.push_back(name);
      }
    }
  }
  std::sort(owned.begin(), owned.end());
  return owned;
}

void AnalyzeReassign(Node statement, StatementContext& context) {
  const std::string roles = RolesText(statement["roles"]);
  const std::string new_owner(statement["newrole"]["rolename"].text());
  context.facts.needs_role = absl::StrCat("member of ", roles);
  context.TouchesObject(ObjectClass::kOther, {.name = roles}, Effect::kBreak);
  for (const Name& name : OwnedBy(statement["roles"], context.db)) {
    Relation& relation = context.Resolve(name);
    context.Lock(relation, LockMode::kAccessExclusive);
    context.LockIndexes(relation, LockMode::kAccessExclusive);
    context.Touches(relation, "", Effect::kBreak);
    if (!new_owner.empty()) relation.owner = new_owner;
  }
  context.Strengthen(Phase::kContract, ContractKind::kTighten);
  ReportRevoke(roles, absl::StrCat(roles, " no longer owns what it owns now"), context);
}

void AnalyzeDropOwned(Node statement, StatementContext& context) {
  const std::string roles = RolesText(statement["roles"]);
  context.facts.needs_role = absl::StrCat("member of ", roles);
  context.Strengthen(Phase::kContract, ContractKind::kRemove);
  context.TouchesObject(ObjectClass::kOther, {.name = roles}, Effect::kBreak);
  RemoveRelations(OwnedBy(statement["roles"], context.db),
                  statement["behavior"].text() == "DROP_CASCADE", context);
  Finding& finding =
      context.Report(Rule::kDropCascade, Node(),
                     absl::StrCat("drops whatever ", roles, " owns in this database, unnamed"));
  finding.object = roles;
  finding.hint = "drop each object by its name";
  ReportRevoke(roles, absl::StrCat(roles, " loses every privilege in this database"), context);
}

}  // namespace

void AnalyzePrivilege(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "GrantStmt") return AnalyzeGrant(statement, context);
  if (node_type == "AlterDefaultPrivilegesStmt") {
    return AnalyzeDefaultPrivileges(statement, context);
  }
  if (node_type == "AlterOwnerStmt") return AnalyzeOwner(statement, context);
  if (node_type == "ReassignOwnedStmt") return AnalyzeReassign(statement, context);
  AnalyzeDropOwned(statement, context);
}

}  // namespace lockstep::sql
