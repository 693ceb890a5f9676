// ALTER TABLE commands that are not about columns or constraints, and ALTER INDEX.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Relation;
using model::RelationKind;

constexpr LockMode kAx = LockMode::kAccessExclusive;

// ---- What moves or rewrites the heap.

void SetLogged(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const bool unlogged = command["subtype"].text() == "AT_SetUnLogged";
  if (relation.complete && relation.unlogged == unlogged) return;
  relation.unlogged = unlogged;
  if (!relation.IsTable()) return;
  RewriteRows(relation, context);
  context.ReportOn(
      relation, Rule::kSetLoggedRewrite, command,
      absl::StrCat(relation.name.text(), " and its indexes are written anew under ACCESS EXCLUSIVE",
                   unlogged ? ", and a crash empties it from then on" : ""));
}

// "pg_default" is the tablespace that needs no name.
std::string TablespaceOf(absl::string_view written) {
  return written == "pg_default" ? "" : std::string(written);
}

void SetTablespace(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const std::string tablespace = TablespaceOf(command["name"].text());
  if (relation.complete && TablespaceOf(relation.tablespace) == tablespace) return;
  relation.tablespace = tablespace;
  if (relation.kind != RelationKind::kTable && relation.kind != RelationKind::kMaterializedView) {
    return;  // A partitioned table only notes it for partitions to come.
  }
  context.Lock(relation, kAx, {.rewrite = true});
  context.ReportOn(relation, Rule::kSetTablespaceRewrite, command,
                   absl::StrCat(relation.name.text(),
                                " is copied to another tablespace under ACCESS EXCLUSIVE"));
}

void SetAccessMethod(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const auto method = [](absl::string_view name) { return name.empty() ? "heap" : name; };
  const std::string wanted(method(command["name"].text()));
  if (relation.complete && method(relation.access_method) == wanted) return;
  relation.access_method = wanted;
  if (relation.kind == RelationKind::kPartitionedTable) return;
  RewriteRows(relation, context);
  context.ReportOn(relation, Rule::kSetAccessMethodRewrite, command,
                   absl::StrCat(relation.name.text(), " is written anew as ", wanted,
                                " under ACCESS EXCLUSIVE"));
}

void SetReplicaIdentity(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const Node identity = command["def"].As("ReplicaIdentityStmt");
  if (identity["identity_type"].text() == "i") {
    context.LockIndex(relation, identity["name"].text(), LockMode::kShare);
  }
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kReshape);
  context.ReportOn(relation, Rule::kReplicaIdentityChange, command,
                   absl::StrCat("subscribers of ", relation.name.text(),
                                " get another key with its updates and deletes"));
}

// ---- Triggers, rules and row security.

void SwitchTriggers(const AlterTarget& target, absl::string_view subtype, Node command,
                    StatementContext& context) {
  // One that fires on replicas alone does not fire for the application.
  const bool off = absl::StartsWith(subtype, "AT_DisableTrig") || subtype == "AT_EnableReplicaTrig";
  Relation& relation = target.relation;
  const std::string name(command["name"].text());
  for (Relation* each : target.All()) {
    for (model::Trigger& trigger : each->triggers) {
      if (name.empty() || trigger.name == name) trigger.enabled = !off;
    }
  }
  if (!off) {
    context.Touches(relation, "", Effect::kAlter);
    context.Strengthen(Phase::kExpand);
    return;
  }
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
  context
      .ReportOn(
          relation, Rule::kDisableTrigger, command,
          name.empty()
              ? absl::StrCat(
                    "triggers of ", relation.name.text(), " stop firing, for the application too",
                    subtype == "AT_DisableTrigAll" ? ", and foreign keys are not checked" : "")
              : absl::StrCat("trigger ", name, " of ", relation.name.text(),
                             " stops firing, for the application too"))
      .hint =
      "leave it out: a migration that must not fire triggers can be written as a backfill "
      "that their functions recognise";
}

void SwitchRule(const AlterTarget& target, absl::string_view subtype, StatementContext& context) {
  const Relation& relation = target.relation;
  if (subtype != "AT_DisableRule") {
    context.Touches(relation, "", Effect::kAlter);
    context.Strengthen(Phase::kExpand);
    return;
  }
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
}

void SwitchRowSecurity(const AlterTarget& target, absl::string_view subtype, Node command,
                       StatementContext& context) {
  Relation& relation = target.relation;
  const bool on = subtype == "AT_EnableRowSecurity" || subtype == "AT_ForceRowSecurity";
  const bool force = subtype == "AT_ForceRowSecurity" || subtype == "AT_NoForceRowSecurity";
  bool& flag = force ? relation.force_row_security : relation.row_security;
  if (relation.complete && flag == on) return;
  flag = on;
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
  const std::string table = relation.name.text();
  if (on) {
    context
        .ReportOn(relation, Rule::kEnableRls, command,
                  absl::StrCat("rows of ", table, " vanish for ",
                               force ? "its owner too where no policy lets them through"
                                     : "every role that no policy lets through"))
        .hint = absl::StrCat("CREATE POLICY ... ON ", table, " before it in the same migration");
    return;
  }
  context.ReportOn(relation, Rule::kPolicyChange, command,
                   absl::StrCat("policies of ", table, " no longer keep ",
                                force ? "its owner" : "anybody", " from its rows"));
}

void ChangeOwner(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const std::string owner(command["newowner"]["rolename"].text());
  if (relation.complete && !owner.empty() && relation.owner == owner) return;
  relation.owner = owner;
  context.LockIndexes(relation, kAx);
  if (!relation.columns.empty()) {
    for (const auto& [name, other] : context.db.relations) {
      if (other.owned_by.has_value() && other.owned_by->first == relation.name) {
        context.Lock(other, kAx);
      }
    }
  }
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
  context.ReportOn(relation, Rule::kRevokePrivilege, command,
                   absl::StrCat("what the owner of ", relation.name.text(),
                                " may do with it, another role may from here on"));
}

// ---- Parameters and the rest.

// One of a view: for a relation of which nothing is known.
bool IsOfViews(Node command) {
  for (const Node& item : command["def"].Items()) {
    const absl::string_view name = item.As("DefElem")["defname"].text();
    if (absl::StartsWith(name, "security_") || name == "check_option") return true;
  }
  return false;
}

void SetParameters(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  context.Touches(relation, "", Effect::kAlter);
  if (relation.kind != RelationKind::kView && !IsOfViews(command)) return;
  // security_invoker, security_barrier and check_option decide who reads and writes what.
  context.Touches(relation, "", Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
}

void SetType(const AlterTarget& target, absl::string_view subtype, Node command,
             StatementContext& context) {
  Relation& relation = target.relation;
  context.Touches(relation, "", Effect::kAlter);
  relation.of_type = {};
  if (subtype != "AT_AddOf") return;
  relation.of_type = model::NameOf(command["def"]);
  if (const Relation* type = context.Find(relation.of_type)) {
    context.Lock(*type, LockMode::kAccessShare);
  }
}

// Where a foreign table's rows come from.
void SetForeignOptions(const AlterTarget& target, StatementContext& context) {
  context.Touches(target.relation, "", Effect::kBreak);
  context.StrengthenOn(target.relation, Phase::kContract, ContractKind::kReshape);
}

bool IsRowSecurity(absl::string_view subtype) { return absl::EndsWith(subtype, "RowSecurity"); }

// ---- ALTER INDEX.

// Parameters that change how the index is read take more than those of vacuum and of inserts.
LockMode LockOfIndexOptions(Node options) {
  for (const Node item : options.Items()) {
    const absl::string_view name = item.As("DefElem")["defname"].text();
    if (name != "fillfactor" && name != "deduplicate_items") return kAx;
  }
  return LockMode::kShareUpdateExclusive;
}

struct IndexTarget {
  const Relation* table = nullptr;  // nullptr: not known.
  model::Name name;

  bool live() const { return table == nullptr || !table->is_new; }
};

IndexTarget FindIndex(const model::Name& written, const StatementContext& context) {
  const auto [table, index] = context.db.FindIndex(written);
  if (index == nullptr) return {.name = context.db.NameForNew(written)};
  return {.table = table, .name = {table->name.schema, index->name}};
}

void AttachIndex(const IndexTarget& target, Node command, StatementContext& context) {
  const model::Name written = model::NameOf(command["def"].As("PartitionCmd")["name"]);
  const IndexTarget part = FindIndex(written, context);
  context.LockObject(ObjectClass::kIndex, target.name, LockMode::kShareUpdateExclusive,
                     target.live());
  context.LockObject(ObjectClass::kIndex, part.name, kAx, part.live());
  context.TouchesObject(ObjectClass::kIndex, part.name, Effect::kAlter, part.live());
  if (target.table != nullptr) context.Lock(*target.table, LockMode::kAccessShare);
  if (part.table != nullptr) context.Lock(*part.table, LockMode::kAccessShare);
}

void MoveIndex(const IndexTarget& target, Node command, StatementContext& context) {
  context.LockObject(ObjectClass::kIndex, target.name, kAx, target.live(), {.index_rebuild = true});
  const std::string message =
      absl::StrCat("index ", target.name.text(), " is copied to another tablespace, closed to all");
  if (target.table != nullptr) {
    context.ReportOn(*target.table, Rule::kSetTablespaceRewrite, command, message);
  } else {
    context.Report(Rule::kSetTablespaceRewrite, command, message);
  }
}

}  // namespace

void AnalyzeAlterIndex(const model::Name& written, Node statement, StatementContext& context) {
  const IndexTarget target = FindIndex(written, context);
  const bool guarded = statement["missing_ok"].flag();
  if (target.table == nullptr && guarded && context.db.complete) {
    context.facts.no_op = true;
    return;
  }
  context.TouchesObject(ObjectClass::kIndex, target.name, Effect::kAlter, target.live());
  for (const Node item : statement["cmds"].Items()) {
    const Node command = item.As("AlterTableCmd");
    const absl::string_view subtype = command["subtype"].text();
    if (subtype == "AT_AttachPartition") {
      AttachIndex(target, command, context);
    } else if (subtype == "AT_SetTableSpace") {
      MoveIndex(target, command, context);
    } else if (subtype == "AT_SetRelOptions" || subtype == "AT_ResetRelOptions") {
      context.LockObject(ObjectClass::kIndex, target.name, LockOfIndexOptions(command["def"]),
                         target.live());
    } else if (subtype == "AT_SetStatistics") {
      context.LockObject(ObjectClass::kIndex, target.name, LockMode::kShareUpdateExclusive,
                         target.live());
    } else {
      context.LockObject(ObjectClass::kIndex, target.name, kAx, target.live());
      NotAnalysed(context);
    }
  }
}

void AnalyzeTableOption(const AlterTarget& target, Node command, StatementContext& context) {
  const absl::string_view subtype = command["subtype"].text();
  if (subtype == "AT_SetLogged" || subtype == "AT_SetUnLogged") {
    SetLogged(target, command, context);
  } else if (subtype == "AT_SetTableSpace") {
    SetTablespace(target, command, context);
  } else if (subtype == "AT_SetAccessMethod") {
    SetAccessMethod(target, command, context);
  } else if (subtype == "AT_ReplicaIdentity") {
    SetReplicaIdentity(target, command, context);
  } else if (absl::StrContains(subtype, "Trig")) {
    SwitchTriggers(target, subtype, command, context);
  } else if (absl::EndsWith(subtype, "Rule")) {
    SwitchRule(target, subtype, context);
  } else if (IsRowSecurity(subtype)) {
    SwitchRowSecurity(target, subtype, command, context);
  } else if (subtype == "AT_ChangeOwner") {
    ChangeOwner(target, command, context);
  } else if (absl::StrContains(subtype, "RelOptions")) {
    SetParameters(target, command, context);
  } else if (subtype == "AT_AddOf" || subtype == "AT_DropOf") {
    SetType(target, subtype, command, context);
  } else if (absl::EndsWith(subtype, "GenericOptions")) {
    SetForeignOptions(target, context);
  } else {
    if (subtype == "AT_ClusterOn") {
      // As the statement locks the table, whatever its other commands need.
      context.LockIndex(target.relation, command["name"].text(), context.LockOn(target.relation));
    }
    // Statistics, storage, compression and cluster marks change speed alone.
    context.Touches(target.relation, "", Effect::kAlter);
  }
}

}  // namespace lockstep::sql
