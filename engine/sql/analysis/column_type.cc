// ALTER COLUMN ... TYPE.

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/type_change.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Index;
using model::Relation;

struct Change {
  std::string column;
  model::Type to;
  TypeChange effect;
  bool computed = false;  // By a USING that is more than the cast to the type.

  bool Rewrites() const { return effect.rewrite || effect.unknown || computed; }
};

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether `using_expression` does what no USING does: the bare column, or its cast to the type.
bool IsPlain(Node using_expression, absl::string_view column, const model::Type& to,
             const model::Database& db) {
  Node inner = using_expression;
  if (const Node cast = inner.As("TypeCast")) {
    model::Type type = ColumnType(cast["typeName"], Node(), db);
    type.collation = to.collation;
    if (type != to) return false;
    inner = cast["arg"];
  }
  const std::vector<Node> fields = inner.As("ColumnRef")["fields"].Items();
  return fields.size() == 1 && fields[0].text() == column;
}

// What the server refuses to work around: everything that has the column's type written into it.
std::vector<std::string> Obstacles(const Relation& relation, const std::string& column,
                                   StatementContext& context) {
  std::vector<std::string> obstacles;
  for (const Relation* view : context.db.ViewsOf(relation.name, column)) {
    obstacles.push_back(absl::StrCat("view ", view->name.text()));
  }
  for (const model::Trigger& trigger : relation.triggers) {
    if (trigger.columns.contains(column)) {
      obstacles.push_back(absl::StrCat("trigger ", trigger.name));
    }
  }
  for (const model::Policy& policy : relation.policies) {
    if (policy.columns.contains(column)) obstacles.push_back(absl::StrCat("policy ", policy.name));
  }
  for (const Column& other : relation.columns) {
    if (Contains(other.reads, column)) {
      obstacles.push_back(absl::StrCat("generated column ", other.name));
    }
  }
  if (Contains(relation.partition_key, column)) obstacles.emplace_back("the partition key");
  return obstacles;
}

// The foreign keys on both sides of the column: their other tables are locked as strongly, and read
// when the keys must be tried again.
void ClaimForeignKeys(const Relation& relation, const std::string& column, bool checks,
                      StatementContext& context) {
  const auto claim = [&](const Relation& other) {
    context.Lock(other, LockMode::kAccessExclusive);
    if (!checks) return;
    ScanRows(relation, context);
    ScanRows(other, context);
  };
  bool key = false;
  for (const Constraint& constraint : relation.constraints) {
    if (!Contains(constraint.columns, column)) continue;
    if (constraint.kind == ConstraintKind::kForeignKey) {
      claim(context.Resolve(constraint.references));
    }
    key |= !constraint.index.empty();
  }
  if (!key) return;
  for (const auto& [table, constraint] : context.db.ReferencesTo(relation.name)) {
    if (Contains(constraint->referenced_columns, column)) claim(*table);
  }
}

bool MustRebuild(const Index& index, const std::string& column, const Change& change,
                 const Relation& relation) {
  if (index.partial || index.has_expressions) return true;
  if (!Contains(index.columns, column)) return false;  // INCLUDE.
  const Column* found = relation.FindColumn(column);
  const bool array = change.to.array || (found != nullptr && found->type.array);
  return change.effect.index_rebuild || (array && index.method != "btree");
}

// What must be done beside the heap; the names of indexes and checks.
std::vector<std::string> Repeats(const Relation& relation, const Change& change,
                                 StatementContext& context) {
  std::vector<std::string> repeats;
  for (const Index& index : relation.indexes) {
    if (!index.reads.contains(change.column) && !Contains(index.columns, change.column)) continue;
    const bool rebuild = MustRebuild(index, change.column, change, relation);
    context.LockIndex(relation, index.name, LockMode::kAccessExclusive, {.index_rebuild = rebuild});
    if (!rebuild) continue;
    ScanRows(relation, context);
    repeats.push_back(absl::StrCat("index ", index.name));
  }
  for (const Constraint& constraint : relation.constraints) {
    if (constraint.kind != ConstraintKind::kCheck || !constraint.valid || !constraint.enforced ||
        !Contains(constraint.columns, change.column)) {
      continue;
    }
    ScanRows(relation, context);
    repeats.push_back(absl::StrCat("check ", constraint.name));
  }
  return repeats;
}

void ReportRewrite(const Relation& relation, const Change& change, Node at,
                   StatementContext& context) {
  const std::string text = ColumnText(relation, change.column);
  Finding& finding =
      context.ReportOn(relation, Rule::kAlterColumnTypeRewrite, at,
                       absl::StrCat("column ", text, " becomes ", model::TypeText(change.to),
                                    ", for which ", relation.name.text(),
                                    " and its indexes are written anew under ACCESS "
                                    "EXCLUSIVE"));
  finding.object = text;
  finding.hint = absl::StrCat("ALTER TABLE ", relation.name.text(), " ADD COLUMN ", change.column,
                              "_new ", model::TypeText(change.to),
                              "; write both from a trigger, fill it in batches, and let readers "
                              "move before the old one goes");
}

void ReportRepeats(const Relation& relation, const Change& change,
                   const std::vector<std::string>& repeats, Node at, StatementContext& context) {
  const std::string text = ColumnText(relation, change.column);
  Finding& finding = context.ReportOn(
      relation, Rule::kAlterColumnTypeIndexRebuild, at,
      absl::StrCat("the rows stay as they are, but ", absl::StrJoin(repeats, ", "), " on ", text,
                   " must go over all of them under ACCESS EXCLUSIVE"));
  finding.object = text;
  finding.hint =
      "drop the index CONCURRENTLY or the check before, and bring it back after: the index "
      "CONCURRENTLY, the check NOT VALID and then VALIDATE CONSTRAINT";
}

void ReportNarrowing(const Relation& relation, const Change& change, Node at,
                     StatementContext& context) {
  const std::string text = ColumnText(relation, change.column);
  Finding& finding = context.ReportOn(
      relation, Rule::kAlterColumnTypeNarrowing, at,
      absl::StrCat("column ", text, " becomes the narrower ", model::TypeText(change.to),
                   ": values and writers that do not fit fail or are rounded"));
  finding.object = text;
  finding.hint = absl::StrCat("ALTER TABLE ", relation.name.text(), " ADD CONSTRAINT ",
                              relation.name.name, "_", change.column,
                              "_fits CHECK (...) NOT VALID; and VALIDATE CONSTRAINT in the next "
                              "migration");
}

void StrengthenByType(const Relation& relation, const Change& change, StatementContext& context) {
  const bool harmless = !change.computed && !change.effect.unknown;
  if (harmless && change.effect.same && !change.effect.rewrite) {
    context.Touches(relation, change.column, Effect::kAlter);
    return;
  }
  if (harmless && change.effect.widens) {
    context.Touches(relation, change.column, Effect::kAlter);
    context.Strengthen(Phase::kExpand);
    return;
  }
  context.Touches(relation, change.column, Effect::kBreak);
  context.StrengthenOn(relation, Phase::kContract,
                       change.effect.narrows ? ContractKind::kTighten : ContractKind::kReshape);
}

// One table of the family. Returns what is done again beside the heap.
std::vector<std::string> AlterOne(Relation& relation, const Change& change,
                                  StatementContext& context) {
  std::vector<std::string> repeats;
  const bool rewrite = change.Rewrites();
  if (rewrite) {
    RewriteRows(relation, context);
  } else {
    repeats = Repeats(relation, change, context);
  }
  ClaimForeignKeys(relation, change.column, rewrite || change.effect.index_rebuild, context);
  if (Column* column = relation.FindColumn(change.column)) {
    column->type = change.to;
  } else if (!relation.complete) {
    relation.columns.push_back({.name = change.column, .type = change.to});
  }
  return repeats;
}

Change ChangeOf(const Relation& relation, Node command, const StatementContext& context) {
  const Node definition = command["def"].As("ColumnDef");
  Change change{.column = std::string(command["name"].text())};
  change.to = ColumnType(definition["typeName"], definition["collClause"], context.db);
  const Column* column = relation.FindColumn(change.column);
  change.effect = column == nullptr ? TypeChange{.unknown = true}
                                    : CompareTypes(column->type, change.to, context.db);
  const Node transform = definition["raw_default"];
  change.computed =
      transform.present() && !IsPlain(transform, change.column, change.to, context.db);
  return change;
}

}  // namespace

namespace {

// The sequence of an identity column gets its type; that of a serial one is looked up by the
// default.
void LockSequencesOf(const Relation& relation, const std::string& name, StatementContext& context) {
  const model::Column* const column = relation.FindColumn(name);
  const bool identity = column != nullptr && column->identity != model::Identity::kNo;
  for (const auto& [other, sequence] : context.db.relations) {
    if (sequence.owned_by != std::make_pair(relation.name, name)) continue;
    context.Lock(sequence, identity ? LockMode::kShareRowExclusive : LockMode::kAccessShare);
  }
}

}  // namespace

void AnalyzeColumnType(const AlterTarget& target, Node command, StatementContext& context) {
  Relation& relation = target.relation;
  const Change change = ChangeOf(relation, command, context);
  const Node at = command["def"];
  const std::string text = ColumnText(relation, change.column);
  AnalyzeCalls(command["def"]["ColumnDef"]["raw_default"], context);
  const std::vector<std::string> obstacles = Obstacles(relation, change.column, context);
  if (!obstacles.empty()) {
    context.Touches(relation, change.column, Effect::kBreak);
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kReshape);
    Finding& finding = context.Report(
        Rule::kAlterColumnTypeBlocked, at,
        absl::StrCat("the type of column ", text, " cannot change while it is used by ",
                     absl::StrJoin(obstacles, ", ")));
    finding.object = text;
    finding.hint = absl::StrCat("drop ", absl::StrJoin(obstacles, ", "),
                                " before it and create it again in the same migration");
    return;
  }
  StrengthenByType(relation, change, context);
  if (change.effect.unknown && !change.computed) {
    context.facts.phase_unknown = true;
    Finding& finding =
        context.ReportOn(relation, Rule::kAlterColumnTypeUnknown, at,
                         absl::StrCat("the text does not tell which type column ", text,
                                      " has now, hence not whether its table is written anew"));
    finding.object = text;
    finding.hint = "let lockstep see the database: lint with a connection";
  }
  if (change.effect.narrows) ReportNarrowing(relation, change, at, context);
  std::vector<std::string> repeats;
  for (Relation* each : target.All()) {
    LockSequencesOf(*each, change.column, context);
    for (std::string& repeat : AlterOne(*each, change, context)) {
      repeats.push_back(std::move(repeat));
    }
  }
  if (change.Rewrites() && (change.computed || !change.effect.unknown)) {
    ReportRewrite(relation, change, at, context);
  } else if (!repeats.empty()) {
    ReportRepeats(relation, change, repeats, at, context);
  }
}

}  // namespace lockstep::sql
