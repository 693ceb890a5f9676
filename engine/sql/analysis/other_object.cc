// What few clients name: casts, operators, collations, text search, foreign servers, event
// triggers, languages, access methods.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/function.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

constexpr char kSuperuser[] = "superuser";

struct Row {
  absl::string_view type;
  Phase phase;
  ContractKind kind = ContractKind::kNone;
  absl::string_view needs_role = "";
  // The field that names the object.
  absl::string_view name = "";
};

constexpr Phase kExpand = Phase::kExpand;
constexpr Phase kContract = Phase::kContract;
constexpr ContractKind kReshape = ContractKind::kReshape;

// What is altered may give clients other results; what is created nobody uses yet.
constexpr Row kRows[] = {
    {"CreateConversionStmt", kExpand, ContractKind::kNone, "", "conversion_name"},
    {"CreateTransformStmt", kExpand, ContractKind::kNone, "", "lang"},
    {"CreatePLangStmt", kExpand, ContractKind::kNone, kSuperuser, "plname"},
    {"CreateOpClassStmt", kExpand, ContractKind::kNone, kSuperuser, "opclassname"},
    {"CreateOpFamilyStmt", kExpand, ContractKind::kNone, kSuperuser, "opfamilyname"},
    {"AlterOperatorStmt", Phase::kNeutral, ContractKind::kNone, "", "opername"},
    {"AlterTypeStmt", kContract, kReshape, kSuperuser, "typeName"},
    {"AlterCollationStmt", Phase::kNeutral, ContractKind::kNone, "", "collname"},
    {"AlterObjectDependsStmt", Phase::kNeutral},
    {"CreateAmStmt", kExpand, ContractKind::kNone, kSuperuser, "amname"},
    {"CreateFdwStmt", kExpand, ContractKind::kNone, kSuperuser, "fdwname"},
    {"AlterFdwStmt", kContract, kReshape, kSuperuser, "fdwname"},
    {"CreateForeignServerStmt", kExpand, ContractKind::kNone, "USAGE on the foreign-data wrapper",
     "servername"},
    {"AlterForeignServerStmt", kContract, kReshape, "", "servername"},
    {"CreateUserMappingStmt", kExpand, ContractKind::kNone, "", "servername"},
    {"AlterUserMappingStmt", kContract, kReshape, "", "servername"},
    {"DropUserMappingStmt", kContract, ContractKind::kRemove, "", "servername"},
    {"CreateEventTrigStmt", kExpand, ContractKind::kNone, kSuperuser, "trigname"},
    {"AlterEventTrigStmt", kContract, kReshape, kSuperuser, "trigname"},
    {"AlterTSDictionaryStmt", kContract, kReshape, "", "dictname"},
};

Effect EffectOf(const Row& row) {
  if (row.phase == kExpand) return Effect::kCreate;
  return row.phase == kContract ? Effect::kBreak : Effect::kAlter;
}

void Define(Node statement, StatementContext& context) {
  const absl::string_view kind = statement["kind"].text();
  if (kind == "OBJECT_AGGREGATE") return AnalyzeCreateAggregate(statement, context);
  const Name name = context.db.NameForNew(model::NameOf(statement["defnames"]));
  const bool guarded = statement["if_not_exists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  context.Strengthen(kExpand);
  if (kind == "OBJECT_TYPE") {
    // A base type, or the shell of one.
    context.facts.needs_role = kSuperuser;
    context.TouchesObject(ObjectClass::kType, name, Effect::kCreate, false);
    context.db.types.insert_or_assign(name, {.name = name, .is_new = true});
    return;
  }
  if (kind == "OBJECT_TSPARSER" || kind == "OBJECT_TSTEMPLATE") {
    context.facts.needs_role = kSuperuser;
  }
  context.TouchesObject(ObjectClass::kOther, name, Effect::kCreate, false);
}

// One that is not explicit takes part in how every query of the two types is understood.
void CreateCast(Node statement, StatementContext& context) {
  const Name source = model::NameOf(statement["sourcetype"]);
  context.facts.needs_role =
      statement["func"] || statement["inout"].flag() ? "owner of one of the types" : kSuperuser;
  context.TouchesObject(ObjectClass::kOther, source, Effect::kCreate);
  const model::TypeDefinition* type = context.db.FindType(source);
  const model::TypeDefinition* target = context.db.FindType(model::NameOf(statement["targettype"]));
  const bool is_new = (type != nullptr && type->is_new) || (target != nullptr && target->is_new);
  if (statement["context"].text() == "COERCION_EXPLICIT" || is_new) {
    context.Strengthen(kExpand);
  } else {
    context.Strengthen(kContract, kReshape);
  }
}

void AlterFamily(Node statement, StatementContext& context) {
  context.facts.needs_role = kSuperuser;
  context.TouchesObject(ObjectClass::kOther, model::NameOf(statement["opfamilyname"]),
                        statement["isDrop"].flag() ? Effect::kBreak : Effect::kAlter);
  if (statement["isDrop"].flag()) {
    context.Strengthen(kContract, ContractKind::kRemove);
  } else {
    context.Strengthen(kExpand);
  }
}

void AlterTextSearch(Node statement, StatementContext& context) {
  const bool adds = statement["kind"].text() == "ALTER_TSCONFIG_ADD_MAPPING";
  context.TouchesObject(ObjectClass::kOther, model::NameOf(statement["cfgname"]),
                        adds ? Effect::kAlter : Effect::kBreak);
  if (adds) return context.Strengthen(kExpand);
  context.Strengthen(kContract, kReshape);
}

// What it creates stands on the other server.
void ImportSchema(Node statement, StatementContext& context) {
  const std::string schema(statement["local_schema"].text());
  context.Strengthen(kExpand);
  context.TouchesObject(ObjectClass::kSchema, {.name = schema}, Effect::kAlter,
                        !context.db.new_schemas.contains(schema));
  if (statement["list_type"].text() != "FDW_IMPORT_SCHEMA_LIMIT_TO") {
    context.db.complete = false;
    return;
  }
  for (const Node table : statement["table_list"].Items()) {
    Relation made;
    made.name = {.schema = schema, .name = model::NameOf(table).name};
    made.kind = RelationKind::kForeignTable;
    made.is_new = true;
    made.complete = false;
    context.Touches(context.db.Add(std::move(made)), "", Effect::kCreate);
  }
}

// ALTER ... DEPENDS ON EXTENSION. A trigger's table is locked, an index is itself.
void LockDependent(Node statement, StatementContext& context) {
  const absl::string_view kind = statement["objectType"].text();
  if (kind == "OBJECT_INDEX") {
    const auto [table, index] = context.db.FindIndex(model::NameOf(statement["relation"]));
    if (index != nullptr) context.LockIndex(*table, index->name, LockMode::kAccessExclusive);
  } else if (statement["relation"]) {
    context.Lock(context.Resolve(statement["relation"]), LockMode::kAccessExclusive);
  }
}

}  // namespace

void AnalyzeOtherObject(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "DefineStmt") return Define(statement, context);
  if (node_type == "CreateCastStmt") return CreateCast(statement, context);
  if (node_type == "AlterOpFamilyStmt") return AlterFamily(statement, context);
  if (node_type == "AlterTSConfigurationStmt") return AlterTextSearch(statement, context);
  if (node_type == "ImportForeignSchemaStmt") return ImportSchema(statement, context);
  if (node_type == "AlterObjectDependsStmt") LockDependent(statement, context);
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&](const Row& r) { return r.type == node_type; });
  if (row == std::end(kRows)) return NotAnalysed(context);
  if (statement["if_not_exists"].flag()) context.facts.guard = Guard::kIfNotExists;
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  context.facts.needs_role = std::string(row->needs_role);
  context.Strengthen(row->phase, row->kind);
  const Node name = statement[row->name];
  if (!name) return;
  context.TouchesObject(ObjectClass::kOther,
                        model::NameOf(name["objname"] ? name["objname"] : name), EffectOf(*row));
}

}  // namespace lockstep::sql
