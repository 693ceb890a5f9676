#include "engine/sql/analysis/alter_table.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Relation;
using model::RelationKind;

using Handler = void (*)(const AlterTarget&, Node, StatementContext&);

// In which order PostgreSQL runs the commands of one statement, whatever order they are written in:
// AT_PASS_* of its tablecmds.c.
enum class Pass { kDrop, kType, kAddColumn, kAttributes, kAddIndex, kAddOther, kOther };

// Which tables a command is for, beside the one that is named.
enum class Reach { kSelf, kPartitions, kAll };

struct Command {
  absl::string_view subtype;
  LockMode lock;
  Pass pass;
  Reach reach;
  Handler handler;
};

// Since then a constraint with NO INHERIT locks the children, which it leaves as they are.
constexpr int kNoInheritLocksBelowSince = 18;

constexpr LockMode kAx = LockMode::kAccessExclusive;
constexpr LockMode kSre = LockMode::kShareRowExclusive;
constexpr LockMode kSue = LockMode::kShareUpdateExclusive;

void Attach(const AlterTarget& target, Node command, StatementContext& context) {
  AnalyzeAttachPartition(target.relation, command, context);
}
void Detach(const AlterTarget& target, Node command, StatementContext& context) {
  AnalyzeDetachPartition(target.relation, command, context);
}
void Inherit(const AlterTarget& target, Node command, StatementContext& context) {
  AnalyzeInheritance(target.relation, command, context);
}

// Locks: AlterTableGetLockLevel; what reaches whom: ATPrepCmd. What is not in here takes ACCESS
// EXCLUSIVE and is not analysed.
constexpr Command kCommands[] = {
    {"AT_AddColumn", kAx, Pass::kAddColumn, Reach::kAll, AnalyzeAddColumn},
    {"AT_AddColumnToView", kAx, Pass::kAddColumn, Reach::kSelf, AnalyzeAddColumn},
    {"AT_DropColumn", kAx, Pass::kDrop, Reach::kAll, AnalyzeDropColumn},
    {"AT_ColumnDefault", kAx, Pass::kAttributes, Reach::kAll, AnalyzeColumnDefault},
    {"AT_SetNotNull", kAx, Pass::kAttributes, Reach::kAll, AnalyzeSetNotNull},
    {"AT_DropNotNull", kAx, Pass::kDrop, Reach::kAll, AnalyzeDropNotNull},
    {"AT_AddIdentity", kAx, Pass::kAddOther, Reach::kPartitions, AnalyzeGeneratedColumn},
    {"AT_SetIdentity", kAx, Pass::kAttributes, Reach::kPartitions, AnalyzeGeneratedColumn},
    {"AT_DropIdentity", kAx, Pass::kDrop, Reach::kPartitions, AnalyzeGeneratedColumn},
    {"AT_DropExpression", kAx, Pass::kDrop, Reach::kAll, AnalyzeGeneratedColumn},
    {"AT_SetExpression", kAx, Pass::kType, Reach::kAll, AnalyzeGeneratedColumn},
    {"AT_AlterColumnType", kAx, Pass::kType, Reach::kAll, AnalyzeColumnType},
    {"AT_AddConstraint", kAx, Pass::kAddOther, Reach::kAll, AnalyzeAddConstraint},
    {"AT_ValidateConstraint", kSue, Pass::kOther, Reach::kAll, AnalyzeValidateConstraint},
    {"AT_DropConstraint", kAx, Pass::kDrop, Reach::kAll, AnalyzeDropConstraint},
    {"AT_AlterConstraint", kAx, Pass::kOther, Reach::kPartitions, AnalyzeAlterConstraint},
    {"AT_AttachPartition", kSue, Pass::kOther, Reach::kSelf, Attach},
    {"AT_DetachPartition", kAx, Pass::kOther, Reach::kSelf, Detach},
    {"AT_DetachPartitionFinalize", kSue, Pass::kOther, Reach::kSelf, Detach},
    {"AT_AddInherit", kAx, Pass::kOther, Reach::kSelf, Inherit},
    {"AT_DropInherit", kAx, Pass::kOther, Reach::kSelf, Inherit},
    {"AT_SetStatistics", kSue, Pass::kOther, Reach::kAll, AnalyzeTableOption},
    {"AT_SetOptions", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ResetOptions", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetStorage", kAx, Pass::kOther, Reach::kAll, AnalyzeTableOption},
    {"AT_SetCompression", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ClusterOn", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_DropCluster", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetRelOptions", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ResetRelOptions", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ReplaceRelOptions", kSue, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_EnableTrig", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_EnableAlwaysTrig", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_EnableReplicaTrig", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_EnableTrigAll", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_EnableTrigUser", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_DisableTrig", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_DisableTrigAll", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_DisableTrigUser", kSre, Pass::kOther, Reach::kPartitions, AnalyzeTableOption},
    {"AT_EnableRule", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_EnableAlwaysRule", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_EnableReplicaRule", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_DisableRule", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_EnableRowSecurity", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_DisableRowSecurity", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ForceRowSecurity", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_NoForceRowSecurity", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ChangeOwner", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetLogged", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetUnLogged", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetTableSpace", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_SetAccessMethod", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_ReplicaIdentity", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_AddOf", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_DropOf", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_DropOids", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_AlterColumnGenericOptions", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
    {"AT_GenericOptions", kAx, Pass::kOther, Reach::kSelf, AnalyzeTableOption},
};

// One command as it will be run.
struct Step {
  const Command* row = nullptr;  // nullptr: not known.
  Node node;
  Pass pass = Pass::kOther;
  LockMode lock = kAx;
  Reach reach = Reach::kSelf;
  bool no_inherit = false;  // A constraint that says so.
};

bool OnlyLocksWeakly(Node options, const Relation& relation) {
  if (!relation.IsTable() && relation.kind != RelationKind::kMaterializedView) return false;
  for (const Node item : options.Items()) {
    const absl::string_view name = item.As("DefElem")["defname"].text();
    if (name != "fillfactor" && name != "toast_tuple_target" && name != "parallel_workers" &&
        name != "log_autovacuum_min_duration" && !absl::StartsWith(name, "autovacuum_") &&
        !absl::StartsWith(name, "vacuum_")) {
      return false;
    }
  }
  return true;
}

// What depends on more than the subtype.
void Refine(const Relation& relation, Step* step) {
  const absl::string_view subtype = step->row->subtype;
  const Node definition = step->node["def"];
  if (subtype == "AT_AddConstraint") {
    const Node constraint = definition.As("Constraint");
    const absl::string_view type = constraint["contype"].text();
    if (type == "CONSTR_FOREIGN") step->lock = kSre;
    if (type == "CONSTR_PRIMARY" || type == "CONSTR_UNIQUE") step->pass = Pass::kAddIndex;
    if (type != "CONSTR_CHECK" && type != "CONSTR_NOTNULL") step->reach = Reach::kPartitions;
    step->no_inherit = constraint["is_no_inherit"].flag();
    if (step->no_inherit) step->reach = Reach::kSelf;
  } else if (subtype == "AT_ColumnDefault") {
    step->pass = definition ? Pass::kAddOther : Pass::kDrop;
  } else if (subtype == "AT_DetachPartition") {
    if (definition.As("PartitionCmd")["concurrent"].flag()) step->lock = kSue;
  } else if (subtype == "AT_DropConstraint") {
    const model::Constraint* constraint = relation.FindConstraint(step->node["name"].text());
    if (constraint != nullptr && constraint->kind != model::ConstraintKind::kCheck &&
        constraint->kind != model::ConstraintKind::kNotNull) {
      step->reach = Reach::kPartitions;
    }
  } else if (subtype == "AT_SetRelOptions" || subtype == "AT_ResetRelOptions") {
    if (!OnlyLocksWeakly(definition, relation)) step->lock = kAx;
  }
}

Step StepOf(const Relation& relation, Node node) {
  Step step{.node = node};
  step.row = std::find_if(std::begin(kCommands), std::end(kCommands), [&](const Command& row) {
    return row.subtype == node["subtype"].text();
  });
  if (step.row == std::end(kCommands)) {
    step.row = nullptr;
    return step;
  }
  step.pass = step.row->pass;
  step.lock = step.row->lock;
  step.reach = step.row->reach;
  Refine(relation, &step);
  return step;
}

bool Reaches(const Relation& relation, Reach reach) {
  return reach == Reach::kAll ||
         (reach == Reach::kPartitions && relation.kind == RelationKind::kPartitionedTable);
}

// A short ACCESS EXCLUSIVE is no harm by itself; waiting for it is.
void ReportBriefLock(const Relation& relation, LockMode mode, StatementContext& context) {
  if (mode != kAx || context.facts.no_op || context.facts.LongOnLive()) return;
  context.ReportOn(relation, Rule::kBriefAccessExclusive, Node(),
                   absl::StrCat("takes ACCESS EXCLUSIVE on ", relation.name.text(),
                                " for a moment, and everybody queues behind it while it waits"));
}

void RunSteps(Relation& relation, Node statement, StatementContext& context) {
  std::vector<Step> steps;
  for (const Node item : statement["cmds"].Items()) {
    steps.push_back(StepOf(relation, item.As("AlterTableCmd")));
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.pass < b.pass; });
  LockMode mode = LockMode::kNone;
  for (const Step& step : steps) mode = std::max(mode, step.lock);
  context.Lock(relation, mode);
  context.Touches(relation, "", Effect::kNone);
  std::vector<Relation*> below;
  if (statement["relation"]["inh"].flag() && !relation.children.empty()) {
    below = context.db.Descendants(relation);
  }
  bool idle = !steps.empty();
  for (const Step& step : steps) {
    if (step.row == nullptr) {
      NotAnalysed(context);
      idle = false;
      continue;
    }
    AlterTarget target{.relation = relation};
    if (Reaches(relation, step.reach)) target.below = below;
    const bool locks_below =
        step.no_inherit && context.db.major_version() >= kNoInheritLocksBelowSince;
    for (const Relation* each : locks_below ? below : target.below) context.Lock(*each, mode);
    context.facts.no_op = false;
    step.row->handler(target, step.node, context);
    idle &= context.facts.no_op;
  }
  context.facts.no_op = idle;
  ReportBriefLock(relation, mode, context);
}

}  // namespace

std::vector<Relation*> AlterTarget::All() const {
  std::vector<Relation*> all = {&relation};
  all.insert(all.end(), below.begin(), below.end());
  return all;
}

void ScanRows(const Relation& relation, StatementContext& context) {
  if (relation.kind == RelationKind::kPartitionedTable) return;  // Its partitions hold the rows.
  context.Lock(relation, LockMode::kNone, {.scan = true});
}

void ScanRows(const AlterTarget& target, StatementContext& context) {
  for (const Relation* each : target.All()) ScanRows(*each, context);
}

void RewriteRows(const Relation& relation, StatementContext& context) {
  if (relation.kind != RelationKind::kTable && relation.kind != RelationKind::kMaterializedView) {
    return;
  }
  context.Lock(relation, kAx, {.rewrite = true, .scan = true});
  context.LockIndexes(relation, kAx, {.index_rebuild = true});
}

void RewriteRows(const AlterTarget& target, StatementContext& context) {
  for (const Relation* each : target.All()) RewriteRows(*each, context);
}

bool SkipsMissing(const Relation& relation, bool found, Node command, StatementContext& context) {
  if (!command["missing_ok"].flag()) return false;
  context.facts.guard = Guard::kIfExists;
  if (found || !relation.complete) return false;
  context.facts.no_op = true;
  return true;
}

void AnalyzeAlterTable(Node statement, StatementContext& context) {
  const absl::string_view object_type = statement["objtype"].text();
  if (object_type == "OBJECT_TYPE") return AnalyzeAlterCompositeType(statement, context);
  const Node range = statement["relation"];
  const model::Name written = model::NameOf(range);
  const bool guarded = statement["missing_ok"].flag();
  if (guarded) context.facts.guard = Guard::kIfExists;
  Relation* relation = context.Find(written);
  if (relation == nullptr &&
      (object_type == "OBJECT_INDEX" || context.db.FindIndex(written).second != nullptr)) {
    return AnalyzeAlterIndex(written, statement, context);
  }
  if (relation == nullptr && guarded && context.IsKnownMissing(written)) {
    context.facts.no_op = true;  // Not even locked.
    return;
  }
  if (relation == nullptr) relation = &context.Resolve(written);
  RunSteps(*relation, statement, context);
}

}  // namespace lockstep::sql
