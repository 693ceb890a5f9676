// Triggers and rules.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/policy.h"
#include "engine/sql/analysis/query_reads.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::Trigger;

void SetTrigger(const Trigger& trigger, Relation& relation) {
  std::erase_if(relation.triggers, [&](const Trigger& t) { return t.name == trigger.name; });
  relation.triggers.push_back(trigger);
}

bool HasTrigger(const Relation& relation, absl::string_view name) {
  return std::any_of(relation.triggers.begin(), relation.triggers.end(),
                     [&](const Trigger& trigger) { return trigger.name == name; });
}

// What the last name of a trigger, rule or policy stands on: the names before it.
struct Attached {
  Name table;
  std::string name;
};

Attached AttachedOf(Node object) {
  const std::vector<Node> parts = object.Items();
  Attached attached;
  if (parts.empty()) return attached;
  attached.name = std::string(parts.back().text());
  if (parts.size() > 1) attached.table.name = std::string(parts[parts.size() - 2].text());
  if (parts.size() > 2) attached.table.schema = std::string(parts[parts.size() - 3].text());
  return attached;
}

// Whether DROP ... IF EXISTS finds nothing.
bool IsMissing(const Attached& object, absl::string_view kind, const StatementContext& context) {
  if (!context.db.complete) return false;
  const Relation* table = context.db.FindRelation(object.table);
  if (table == nullptr) return true;
  if (!table->complete) return false;
  if (kind == "OBJECT_RULE") return !table->rules.contains(object.name);
  if (kind == "OBJECT_TRIGGER") return !HasTrigger(*table, object.name);
  return std::none_of(table->policies.begin(), table->policies.end(),
                      [&](const model::Policy& policy) { return policy.name == object.name; });
}

void DropTrigger(Relation& table, const std::string& name, StatementContext& context) {
  context
      .ReportOn(table, Rule::kDropTrigger, Node(),
                absl::StrCat("writes to ", table.name.text(), " no longer run trigger ", name))
      .hint = "drop it once no running version relies on what it does";
  // A row trigger of a partitioned table has a copy on each partition.
  for (Relation* partition : context.db.Descendants(table)) {
    if (!partition->is_partition || !HasTrigger(*partition, name)) continue;
    context.Lock(*partition, LockMode::kAccessExclusive);
    std::erase_if(partition->triggers, [&](const Trigger& t) { return t.name == name; });
  }
  std::erase_if(table.triggers, [&](const Trigger& t) { return t.name == name; });
}

}  // namespace

void AnalyzeCreateTrigger(Node statement, StatementContext& context) {
  if (statement["replace"].flag()) context.facts.guard = Guard::kOrReplace;
  Relation& table = context.Resolve(statement["relation"]);
  Trigger trigger{.name = std::string(statement["trigname"].text()),
                  .columns = ColumnsIn(statement["whenClause"]),
                  .function = context.db.NameForNew(model::NameOf(statement["funcname"]))};
  if (const auto* functions = context.db.FindFunctions(model::NameOf(statement["funcname"]));
      functions != nullptr && !functions->empty()) {
    trigger.function = functions->front().name;
  }
  for (const Node column : statement["columns"].Items()) trigger.columns.emplace(column.text());
  context.Lock(table, LockMode::kShareRowExclusive);
  context.Touches(table, "", Effect::kAlter);
  context.Strengthen(Phase::kExpand);
  if (const Node partner = statement["constrrel"]) {
    context.Lock(context.Resolve(partner), LockMode::kAccessShare);
  }
  context
      .ReportOn(table, Rule::kCreateTrigger, statement["relation"],
                absl::StrCat("trigger ", trigger.name, " changes what running versions' writes to ",
                             table.name.text(), " do, and writers wait while it is made"))
      .hint = "the function must accept what old and new versions write, once or twice";
  SetTrigger(trigger, table);
  if (!statement["row"].flag()) return;
  for (Relation* partition : context.db.Descendants(table)) {
    if (!partition->is_partition) continue;
    context.Lock(*partition, LockMode::kShareRowExclusive);
    SetTrigger(trigger, *partition);
  }
}

void AnalyzeCreateRule(Node statement, StatementContext& context) {
  if (statement["replace"].flag()) context.facts.guard = Guard::kOrReplace;
  Relation& table = context.Resolve(statement["relation"]);
  const std::string name(statement["rulename"].text());
  context.Lock(table, LockMode::kAccessExclusive);
  context.Touches(table, "", Effect::kBreak);
  context.StrengthenOn(table, Phase::kContract, ContractKind::kReshape);
  ClaimReads(ReadsOf(statement["actions"], context), context);
  ClaimReads(ReadsOf(statement["whereClause"], context), context);
  context
      .ReportOn(table, Rule::kCreateRule, statement["relation"],
                absl::StrCat("rule ", name, " rewrites what running versions send to ",
                             table.name.text()))
      .hint = "a trigger or a view does the same and can be seen";
  table.rules.insert(name);
}

void AnalyzeDropTrigger(Node statement, StatementContext& context) {
  const bool guarded = statement["missing_ok"].flag();
  const absl::string_view kind = statement["removeType"].text();
  if (guarded) context.facts.guard = Guard::kIfExists;
  bool any = false;
  for (const Node object : statement["objects"].Items()) {
    const Attached attached = AttachedOf(object);
    // PostgreSQL gives its lock back when it finds nothing.
    if (guarded && IsMissing(attached, kind, context)) continue;
    any = true;
    Relation& table = context.Resolve(attached.table);
    context.Lock(table, LockMode::kAccessExclusive);
    context.Touches(table, "", Effect::kBreak);
    context.StrengthenOn(table, Phase::kContract,
                         kind == "OBJECT_POLICY" ? ContractKind::kTighten : ContractKind::kRemove);
    if (kind == "OBJECT_TRIGGER") {
      DropTrigger(table, attached.name, context);
    } else if (kind == "OBJECT_RULE") {
      table.rules.erase(attached.name);
    } else {
      DropPolicy(table, attached.name, context);
    }
  }
  context.facts.no_op = guarded && !any;
}

}  // namespace lockstep::sql
