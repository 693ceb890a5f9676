// Publications and subscriptions.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::ConstraintKind;
using model::Name;
using model::Publication;
using model::Relation;
using model::RelationKind;

// pg_create_subscription.
constexpr int kSubscriptionRoleFrom = 16;
constexpr int kFailoverOptionFrom = 17;

// The value of an option as a word; "true" for one without a value; "" when it is not given.
std::string OptionOf(Node options, absl::string_view name) {
  for (const Node item : options.Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() != name) continue;
    const Node value = option["arg"];
    if (!value) return "true";
    if (const Node flag = value.As("Boolean")) return flag["boolval"].flag() ? "true" : "false";
    if (value.type() == "Integer") return value.number() == 0 ? "false" : "true";
    // A bare word that is no keyword is read as the name of a type.
    return absl::AsciiStrToLower(value.type() == "TypeName" ? model::NameOf(value).name
                                                            : std::string(value.text()));
  }
  return "";
}

bool IsOff(absl::string_view value) { return value == "false" || value == "off" || value == "0"; }

void ReportChange(const std::string& name, std::string message, StatementContext& context) {
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  Finding& finding = context.Report(Rule::kReplicationChange, Node(), std::move(message));
  finding.object = name;
  finding.hint = "tell those who run the other side, and change it there in the same breath";
}

// ---- Publications.

// Without one, PostgreSQL refuses UPDATE and DELETE of a published table.
bool HasIdentity(const Relation& table) {
  return std::any_of(table.constraints.begin(), table.constraints.end(),
                     [](const model::Constraint& constraint) {
                       return constraint.kind == ConstraintKind::kPrimaryKey && constraint.valid;
                     });
}

bool PublishesChanges(Node options) {
  const std::string published = OptionOf(options, "publish");
  return published.empty() || absl::StrContains(published, "update") ||
         absl::StrContains(published, "delete");
}

// The tables that are named, with the children of those that are not named with ONLY. Locks them.
std::vector<Relation*> ClaimTables(Node objects, StatementContext& context) {
  std::vector<Relation*> tables;
  for (const Node item : objects.Items()) {
    const Node range = item.As("PublicationObjSpec")["pubtable"]["relation"];
    if (!range) continue;
    Relation& table = context.Resolve(range);
    tables.push_back(&table);
    if (range["inh"].flag() && table.kind != RelationKind::kPartitionedTable) {
      for (Relation* child : context.db.Descendants(table)) tables.push_back(child);
    }
  }
  for (const Relation* table : tables) {
    context.Lock(*table, LockMode::kShareUpdateExclusive);
    context.Touches(*table, "", Effect::kAlter);
  }
  return tables;
}

// What the statement publishes: the tables that it names, those of its schemas, or all.
std::vector<const Relation*> PublishedBy(Node statement, const std::vector<Relation*>& named,
                                         const model::Database& database) {
  std::vector<const Relation*> published(named.begin(), named.end());
  std::set<std::string> schemas;
  for (const Node item : statement["pubobjects"].Items()) {
    const Node object = item.As("PublicationObjSpec");
    if (object["pubobjtype"].text() == "PUBLICATIONOBJ_TABLES_IN_SCHEMA") {
      schemas.emplace(object["name"].text());
    }
  }
  const bool all = statement["for_all_tables"].flag();
  for (const auto& [name, relation] : database.relations) {
    if (relation.IsTable() && (all || schemas.contains(name.schema))) {
      published.push_back(&relation);
    }
  }
  return published;
}

void CreatePublication(Node statement, StatementContext& context) {
  const std::string name(statement["pubname"].text());
  const std::vector<Relation*> named = ClaimTables(statement["pubobjects"], context);
  Publication publication{.all_tables = statement["for_all_tables"].flag(), .is_new = true};
  for (const Relation* table : named) publication.tables.insert(table->name);
  context.TouchesObject(ObjectClass::kPublication, {.name = name}, Effect::kCreate, false);
  context.Strengthen(Phase::kExpand);
  context.facts.needs_role = publication.all_tables ? "superuser" : "CREATE on the database";
  if (PublishesChanges(statement["options"])) {
    for (const Relation* table : PublishedBy(statement, named, context.db)) {
      if (table->is_new || HasIdentity(*table) || table->temporary || table->unlogged) continue;
      if (!table->complete) {
        context.Strengthen(Phase::kContract, ContractKind::kTighten);
        context.facts.phase_unknown = true;
        continue;
      }
      context.Strengthen(Phase::kContract, ContractKind::kTighten);
      ReportChange(name,
                   absl::StrCat("UPDATE and DELETE of ", table->name.text(),
                                " fail once it is published, for want of a primary key"),
                   context);
      break;
    }
  }
  context.db.publications.insert_or_assign(name, std::move(publication));
}

void AlterPublication(Node statement, StatementContext& context) {
  const std::string name(statement["pubname"].text());
  const std::vector<Relation*> named = ClaimTables(statement["pubobjects"], context);
  const absl::string_view action = statement["action"].text();
  Publication& publication = context.db.publications[name];
  const bool live = !publication.is_new;
  context.TouchesObject(ObjectClass::kPublication, {.name = name}, Effect::kBreak, live);
  if (statement["pubobjects"] && action == "AP_SetObjects") {
    // What is no longer in it is locked too.
    for (const Name& table : publication.tables) {
      if (const Relation* relation = context.Find(table)) {
        context.Lock(*relation, LockMode::kShareUpdateExclusive);
      }
    }
    publication.tables.clear();
  }
  for (const Relation* table : named) {
    if (action == "AP_DropObjects") {
      publication.tables.erase(table->name);
    } else {
      publication.tables.insert(table->name);
    }
  }
  if (!live) return context.Strengthen(Phase::kExpand);
  ReportChange(name, absl::StrCat("subscribers of publication ", name, " get other changes"),
               context);
}

// ---- Subscriptions. A replication slot is made and dropped on the other server, outside of any
// transaction.

void CreateSubscription(Node statement, StatementContext& context) {
  const Node options = statement["options"];
  const std::string name(statement["subname"].text());
  const bool connects = !IsOff(OptionOf(options, "connect"));
  const std::string create_slot = OptionOf(options, "create_slot");
  context.facts.non_transactional = connects && !IsOff(create_slot);
  context.facts.needs_role =
      context.db.major_version() >= kSubscriptionRoleFrom ? "pg_create_subscription" : "superuser";
  if (OptionOf(options, "slot_name") == "none") context.db.subscriptions_without_slot.insert(name);
  context.TouchesObject(ObjectClass::kOther, {.name = name}, Effect::kCreate);
  ReportChange(name,
               absl::StrCat("subscription ", name, " begins to write to tables of this database"),
               context);
}

void AlterSubscription(Node statement, StatementContext& context) {
  const Node options = statement["options"];
  const std::string name(statement["subname"].text());
  const absl::string_view kind = statement["kind"].text();
  const bool publications = kind == "ALTER_SUBSCRIPTION_SET_PUBLICATION" ||
                            kind == "ALTER_SUBSCRIPTION_ADD_PUBLICATION" ||
                            kind == "ALTER_SUBSCRIPTION_DROP_PUBLICATION";
  context.facts.non_transactional = kind == "ALTER_SUBSCRIPTION_REFRESH" ||
                                    (publications && !IsOff(OptionOf(options, "refresh")));
  if (kind == "ALTER_SUBSCRIPTION_OPTIONS") {
    const std::string slot = OptionOf(options, "slot_name");
    if (slot == "none") {
      context.db.subscriptions_without_slot.insert(name);
    } else if (!slot.empty()) {
      context.db.subscriptions_without_slot.erase(name);
    }
    // Changed in the slot, on the other server.
    context.facts.non_transactional =
        context.db.major_version() >= kFailoverOptionFrom &&
        (!OptionOf(options, "failover").empty() || !OptionOf(options, "two_phase").empty());
  }
  context.TouchesObject(ObjectClass::kOther, {.name = name}, Effect::kBreak);
  ReportChange(name, absl::StrCat("subscription ", name, " takes in other changes than before"),
               context);
}

void DropSubscription(Node statement, StatementContext& context) {
  const std::string name(statement["subname"].text());
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  context.facts.non_transactional = context.db.subscriptions_without_slot.erase(name) == 0;
  context.TouchesObject(ObjectClass::kOther, {.name = name}, Effect::kBreak);
  ReportChange(name, absl::StrCat("nothing comes in through subscription ", name, " any more"),
               context);
}

}  // namespace

void AnalyzeReplication(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "CreatePublicationStmt") return CreatePublication(statement, context);
  if (node_type == "AlterPublicationStmt") return AlterPublication(statement, context);
  if (node_type == "CreateSubscriptionStmt") return CreateSubscription(statement, context);
  if (node_type == "AlterSubscriptionStmt") return AlterSubscription(statement, context);
  DropSubscription(statement, context);
}

}  // namespace lockstep::sql
