// Enums, domains, composite and range types.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/type_users.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;
using model::TypeDefinition;
using model::TypeKind;

// Before it, ALTER TYPE ... ADD VALUE refuses a transaction.
constexpr int kEnumInTransactionFrom = 12;

model::Type BaseTypeOf(Node type_name, const model::Database& database) {
  model::Type type = model::TypeOf(type_name);
  if (const TypeDefinition* definition = database.FindType({type.schema, type.name})) {
    type.schema = definition->name.schema;
  }
  return type;
}

// ---- CREATE.

void DefineComposite(Node statement, const Name& name, StatementContext& context) {
  Relation composite;
  composite.name = name;
  composite.kind = RelationKind::kCompositeType;
  composite.is_new = true;
  for (const Node item : statement["coldeflist"].Items()) {
    const Node column = item.As("ColumnDef");
    composite.columns.push_back({.name = std::string(column["colname"].text()),
                                 .type = BaseTypeOf(column["typeName"], context.db)});
  }
  context.db.Add(std::move(composite));
}

// "price_check", "price_check1", ...: what PostgreSQL calls a constraint without a name.
std::string ConstraintName(const TypeDefinition& domain) {
  const std::string stem = absl::StrCat(domain.name.name, "_check");
  std::string name = stem;
  for (int i = 1; domain.FindConstraint(name) != nullptr; ++i) name = absl::StrCat(stem, i);
  return name;
}

void AddDomainConstraint(Node constraint, TypeDefinition* domain) {
  const absl::string_view kind = constraint["contype"].text();
  if (kind == "CONSTR_NOTNULL") domain->not_null = true;
  if (kind == "CONSTR_NULL") domain->not_null = false;
  if (kind != "CONSTR_CHECK") return;
  std::string name =
      constraint["conname"] ? std::string(constraint["conname"].text()) : ConstraintName(*domain);
  domain->constraints.push_back(
      {.name = std::move(name), .valid = !constraint["skip_validation"].flag()});
}

void DefineDomain(Node statement, TypeDefinition* domain, StatementContext& context) {
  domain->kind = TypeKind::kDomain;
  domain->base = BaseTypeOf(statement["typeName"], context.db);
  for (const Node item : statement["constraints"].Items()) {
    AddDomainConstraint(item.As("Constraint"), domain);
  }
  if (domain->constraints.empty() && !domain->not_null) return;
  Finding& finding = context.Report(Rule::kCreateDomainWithConstraint, statement["typeName"],
                                    absl::StrCat("the constraints of domain ", domain->name.text(),
                                                 " are hard to change once tables use it"));
  finding.object = domain->name.text();
  finding.hint = "use the base type and a CHECK of the table";
}

Node NameNode(absl::string_view node_type, Node statement) {
  if (node_type == "CompositeTypeStmt") return statement["typevar"];
  return statement[node_type == "CreateDomainStmt" ? "domainname" : "typeName"];
}

// ---- ALTER TYPE of an enum.

void AddLabel(Node statement, TypeDefinition& type) {
  const std::string label(statement["newVal"].text());
  const absl::string_view neighbour = statement["newValNeighbor"].text();
  auto place = std::find(type.labels.begin(), type.labels.end(), neighbour);
  if (place != type.labels.end() && statement["newValIsAfter"].flag()) ++place;
  type.labels.insert(place, label);
}

void RenameLabel(Node statement, const Name& name, TypeDefinition* type,
                 StatementContext& context) {
  const std::string from(statement["oldVal"].text());
  const std::string to(statement["newVal"].text());
  const bool live = type == nullptr || !type->is_new;
  context.TouchesObject(ObjectClass::kType, name, Effect::kBreak, live);
  if (type != nullptr) std::replace(type->labels.begin(), type->labels.end(), from, to);
  if (!live) return context.Strengthen(Phase::kExpand);
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  Finding& finding =
      context.Report(Rule::kRenameObject, Node(),
                     absl::StrCat("running versions still write and compare with label '", from,
                                  "' of ", name.text()));
  finding.object = name.text();
  finding.hint = absl::StrCat("ALTER TYPE ", name.text(), " ADD VALUE '", to,
                              "', then move the rows when every version knows it");
}

// ---- ALTER DOMAIN.

// The table of `users` whose scan takes longest: the one of which least is known comes first.
const Relation* Largest(const std::vector<const Relation*>& users) {
  const Relation* largest = nullptr;
  for (const Relation* user : users) {
    if (user->is_new) continue;
    if (largest == nullptr ||
        (largest->rows >= 0 && (user->rows < 0 || user->rows > largest->rows))) {
      largest = user;
    }
  }
  return largest;
}

// Every value of the domain is checked: its tables are read while writers wait.
void ScanUsers(const Name& domain, StatementContext& context) {
  const std::vector<const Relation*> users = TablesWithDomain(domain, context.db);
  for (const Relation* user : users) {
    context.Lock(*user, LockMode::kShare, {.scan = true});
    context.Touches(*user, "", Effect::kAlter);
  }
  const std::string hint = absl::StrCat(
      "leave the domain as it is and give each table a CHECK ... NOT VALID, validated later; or "
      "ALTER DOMAIN ",
      domain.text(), " ADD CONSTRAINT ... NOT VALID, and VALIDATE when writers can wait");
  if (const Relation* largest = Largest(users)) {
    context
        .ReportOn(*largest, Rule::kAlterDomainScan, Node(),
                  absl::StrCat("writers of ", largest->name.text(),
                               users.size() > 1 ? " and every other table with domain "
                                                : " wait while all values of domain ",
                               domain.text(), users.size() > 1 ? " wait for a scan" : " are read"))
        .hint = hint;
  } else if (!context.db.complete) {
    Finding& finding = context.Report(
        Rule::kAlterDomainScan, Node(),
        absl::StrCat("writers of every table with domain ", domain.text(), " wait for a scan"));
    finding.object = domain.text();
    finding.hint = hint;
  }
}

void Tighten(bool live, StatementContext& context) {
  if (live) return context.Strengthen(Phase::kContract, ContractKind::kTighten);
  context.Strengthen(Phase::kExpand);
}

void DropDomainConstraint(Node statement, TypeDefinition* domain, StatementContext& context) {
  const std::string name(statement["name"].text());
  const bool guarded = statement["missing_ok"].flag();
  if (guarded) context.facts.guard = Guard::kIfExists;
  if (guarded && domain != nullptr && domain->FindConstraint(name) == nullptr) {
    context.facts.no_op = true;
    return;
  }
  context.Strengthen(Phase::kExpand);
  if (domain == nullptr) return;
  std::erase_if(domain->constraints,
                [&](const auto& constraint) { return constraint.name == name; });
}

void AddToDomain(Node constraint, const Name& name, TypeDefinition* domain, bool live,
                 StatementContext& context) {
  Tighten(live, context);
  if (!constraint["skip_validation"].flag()) ScanUsers(name, context);
  if (domain != nullptr) AddDomainConstraint(constraint, domain);
}

void SetDomainNotNull(const Name& name, TypeDefinition* domain, bool live,
                      StatementContext& context) {
  if (domain != nullptr && domain->not_null) {
    context.facts.no_op = true;
    return;
  }
  Tighten(live, context);
  ScanUsers(name, context);
  if (domain != nullptr) domain->not_null = true;
}

void ValidateDomainConstraint(Node statement, const Name& name, TypeDefinition* domain,
                              StatementContext& context) {
  auto* constraint = domain == nullptr ? nullptr : domain->FindConstraint(statement["name"].text());
  if (constraint != nullptr && constraint->valid) {
    context.facts.no_op = true;
    return;
  }
  // New values are checked already, hence nobody's write is refused that was not before.
  ScanUsers(name, context);
  if (constraint != nullptr) constraint->valid = true;
}

}  // namespace

void AnalyzeCreateType(absl::string_view node_type, Node statement, StatementContext& context) {
  TypeDefinition type;
  type.name = context.db.NameForNew(model::NameOf(NameNode(node_type, statement)));
  type.is_new = true;
  context.Strengthen(Phase::kExpand);
  context.TouchesObject(ObjectClass::kType, type.name, Effect::kCreate, false);
  if (context.db.types.contains(type.name)) return;  // PostgreSQL refuses it.
  if (node_type == "CompositeTypeStmt") {
    type.kind = TypeKind::kComposite;
    DefineComposite(statement, type.name, context);
  } else if (node_type == "CreateEnumStmt") {
    type.kind = TypeKind::kEnum;
    for (const Node label : statement["vals"].Items()) type.labels.emplace_back(label.text());
  } else if (node_type == "CreateRangeStmt") {
    type.kind = TypeKind::kRange;
  } else {
    DefineDomain(statement, &type, context);
  }
  const Name name = type.name;
  context.db.types.insert_or_assign(name, std::move(type));
}

void AnalyzeAlterEnum(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["typeName"]);
  TypeDefinition* type = context.db.FindType(written);
  const Name name = type == nullptr ? context.db.NameForNew(written) : type->name;
  if (statement["oldVal"]) return RenameLabel(statement, name, type, context);
  const std::string label(statement["newVal"].text());
  const bool guarded = statement["skipIfNewValExists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  if (guarded && type != nullptr &&
      std::find(type->labels.begin(), type->labels.end(), label) != type->labels.end()) {
    context.facts.no_op = true;
    return;
  }
  const bool live = type == nullptr || !type->is_new;
  context.Strengthen(Phase::kExpand);
  context.TouchesObject(ObjectClass::kType, name, Effect::kAlter, live);
  if (context.db.major_version() < kEnumInTransactionFrom) {
    context.facts.non_transactional = true;
    if (context.transactional) {
      context.Report(
          Rule::kEnumAddValueTransaction, Node(),
          absl::StrCat("this server refuses ADD VALUE of ", name.text(), " in a transaction"));
    }
  }
  if (live) {
    Finding& finding =
        context.Report(Rule::kEnumAddValueReaders, Node(),
                       absl::StrCat("versions that read ", name.text(), " must know '", label,
                                    "' before anybody writes it, and it can never be dropped"));
    finding.object = name.text();
  }
  if (type != nullptr) AddLabel(statement, *type);
}

void AnalyzeAlterDomain(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["typeName"]);
  TypeDefinition* domain = context.db.FindType(written);
  const Name name = domain == nullptr ? context.db.NameForNew(written) : domain->name;
  const bool live = domain == nullptr || !domain->is_new;
  const absl::string_view subtype = statement["subtype"].text();
  const Node constraint = statement["def"].As("Constraint");
  context.TouchesObject(ObjectClass::kType, name, Effect::kAlter, live);
  if (subtype == "C") {
    AddToDomain(constraint, name, domain, live, context);
  } else if (subtype == "V") {
    ValidateDomainConstraint(statement, name, domain, context);
  } else if (subtype == "O") {
    SetDomainNotNull(name, domain, live, context);
  } else if (subtype == "X") {
    DropDomainConstraint(statement, domain, context);
  } else if (subtype == "N") {
    context.Strengthen(Phase::kExpand);
    if (domain != nullptr) domain->not_null = false;
  } else if (subtype == "T") {
    if (statement["def"]) return context.Strengthen(Phase::kExpand);
    Tighten(live, context);
  } else {
    NotAnalysed(context);
  }
}

}  // namespace lockstep::sql
