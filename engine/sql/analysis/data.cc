// SELECT, INSERT, UPDATE, DELETE, MERGE, COPY, EXPLAIN.
//
// Rows of a table that the analysed files create are nobody's yet: filling it is part of making it,
// an expand. Rows of a live table are data.

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/condition.h"
#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/query.h"

namespace lockstep::sql {
namespace {

// Written by UPDATE and others as if it were a table, the catalog is changed without any of the
// checks that DDL makes.
bool IsCatalogTable(const model::Name& name) {
  return name.schema == "pg_catalog" || (name.schema.empty() && absl::StartsWith(name.name, "pg_"));
}

void WriteCatalog(const model::Name& name, Node at, StatementContext& context) {
  if (name.name == "pg_settings") {
    context.Refuse(Rule::kUnsafeSetting, at, "writing pg_settings may change any setting");
    return;
  }
  context.Report(
      Rule::kOpaqueDynamicSql, at,
      absl::StrCat("writing ", name.name, " changes definitions behind the back of every check"));
  NotAnalysed(context);
}

// What a foreign key makes of a write: the rows of the other side are locked.
void LockPartners(const model::Relation& relation, bool removes, StatementContext& context) {
  for (const model::Constraint& constraint : relation.constraints) {
    if (constraint.kind != model::ConstraintKind::kForeignKey) continue;
    if (const model::Relation* partner = context.Find(constraint.references)) {
      context.Lock(*partner, LockMode::kRowShare);
    }
  }
  if (!removes) return;
  for (const auto& [child, constraint] : context.db.ReferencesTo(relation.name)) {
    // ON DELETE CASCADE and its kin write there; that they do is not in the catalog.
    context.Lock(*child, LockMode::kRowExclusive);
  }
}

// Rows of `relation` are written. `inherited` are those of partitions and children too.
void WriteRows(model::Relation& relation, bool inherited, bool every_row,
               StatementContext& context) {
  context.facts.kind = StatementClassKind::kData;
  context.Lock(relation, LockMode::kRowExclusive, {.scan = every_row});
  context.StrengthenOn(relation, relation.is_new ? Phase::kExpand : Phase::kData);
  if (inherited && !relation.children.empty()) {
    for (const model::Relation* child : context.db.Descendants(relation)) {
      context.Lock(*child, LockMode::kRowExclusive, {.scan = every_row});
      context.Touches(*child, "", Effect::kWrite);
    }
  }
  // Through a view, the rows are those of its tables.
  if (relation.kind == model::RelationKind::kView) {
    for (const auto& [name, columns] : relation.view_reads) {
      const model::Relation* source = context.Find(name);
      if (source == nullptr) continue;
      context.Lock(*source, LockMode::kRowExclusive);
      context.Touches(*source, "", Effect::kWrite);
      context.StrengthenOn(*source, source->is_new ? Phase::kExpand : Phase::kData);
    }
  }
  context.ReportOn(relation, Rule::kDataInMigration, Node(),
                   absl::StrCat("rows of ", relation.name.text(),
                                " are written: how long it takes depends on the data"));
}

std::string KeyOf(const model::Relation& relation) {
  for (const model::Constraint& constraint : relation.constraints) {
    if (constraint.kind == model::ConstraintKind::kPrimaryKey && constraint.columns.size() == 1) {
      return constraint.columns[0];
    }
  }
  return "id";
}

void ReportUnbounded(const model::Relation& relation, absl::string_view verb, Node at,
                     StatementContext& context) {
  const std::string table = relation.name.text();
  const std::string key = KeyOf(relation);
  Finding& finding = context.ReportOn(
      relation, Rule::kUnboundedDml, at,
      absl::StrCat(verb, " of every row of ", table, ": all of them stay locked until it ends"));
  finding.hint =
      absl::StrCat("in batches, each in a transaction of its own: ... WHERE ", key, " IN (SELECT ",
                   key, " FROM ", table, " WHERE <not done yet> ORDER BY ", key, " LIMIT 1000)");
}

// ---- What happens twice when a statement is repeated.

// f(f(x)) = f(x).
constexpr std::array<absl::string_view, 9> kIdempotentFunctions = {
    "btrim", "date_trunc", "initcap", "lower", "ltrim", "normalize", "rtrim", "trim", "upper"};

// Whether `value` computes something from the old value of `column`.
bool DependsOnItself(Node value, absl::string_view column) {
  bool depends = false;
  Walk(value, [&](absl::string_view name, Node node) {
    if (depends || name == "CoalesceExpr" || name == "MinMaxExpr" || name == "SubLink") {
      return false;
    }
    if (name == "FuncCall") {
      const std::string function = model::NameOf(node["funcname"]).name;
      if (std::find(kIdempotentFunctions.begin(), kIdempotentFunctions.end(), function) !=
          kIdempotentFunctions.end()) {
        return false;
      }
    }
    if (name == "ColumnRef") {
      const std::vector<Node> fields = node["fields"].Items();
      depends = !fields.empty() && fields.back().text() == column;
    }
    return true;
  });
  // `SET x = x` and a cast of it change nothing the second time.
  while (const Node cast = value.As("TypeCast")) value = cast["arg"];
  return depends && value.type() != "ColumnRef";
}

// Whether `condition` stops being true once `column` was set: by `column = constant`.
bool TestsForConstant(Node condition, absl::string_view column) {
  bool tests = false;
  Walk(condition, [&](absl::string_view name, Node node) {
    if (name == "A_Expr" && node["kind"].text() == "AEXPR_OP" && node["name"].At(0).text() == "=" &&
        node["rexpr"].type() == "A_Const") {
      const std::vector<Node> fields = node["lexpr"].As("ColumnRef")["fields"].Items();
      tests |= !fields.empty() && fields.back().text() == column;
    }
    return !tests;
  });
  return tests;
}

void CheckRepeatableUpdate(const model::Relation& relation, Node targets, Node condition,
                           StatementContext& context) {
  if (context.transactional) return;
  const std::set<std::string> tested = ColumnsIn(condition);
  const std::vector<Node> items = targets.Items();
  for (const Node item : items) {
    const Node target = item.As("ResTarget");
    // A column that the condition asks for and that is set to something new: done rows are told
    // from others.
    if (tested.contains(std::string(target["name"].text())) &&
        !DependsOnItself(target["val"], target["name"].text())) {
      return;
    }
  }
  for (const Node item : items) {
    const Node target = item.As("ResTarget");
    const absl::string_view column = target["name"].text();
    if (!DependsOnItself(target["val"], column) || TestsForConstant(condition, column)) continue;
    Finding& finding = context.Report(
        Rule::kNonIdempotentDml, item,
        absl::StrCat(ColumnText(relation, column),
                     " is computed from itself: repeated after a lost reply it changes twice"));
    finding.hint = "add a condition that no longer holds for rows that are done";
    finding.object = ColumnText(relation, column);
    return;
  }
}

// INSERT ... SELECT ... WHERE NOT EXISTS (...), or NOT IN.
bool AsksWhatIsThere(Node query) {
  bool asks = query["op"].text() == "SETOP_EXCEPT";
  Walk(query["whereClause"], [&](absl::string_view name, Node /*node*/) {
    asks |= name == "SubLink" || name == "NullTest";
    return !asks;
  });
  return asks;
}

void CheckRepeatableInsert(const model::Relation& relation, Node statement,
                           StatementContext& context) {
  if (context.transactional || statement["onConflictClause"] ||
      AsksWhatIsThere(statement["selectStmt"].As("SelectStmt"))) {
    return;
  }
  Finding& finding =
      context.Report(Rule::kNonIdempotentDml, Node(),
                     absl::StrCat("rows are inserted into ", relation.name.text(),
                                  " again when the statement is repeated after a lost reply"));
  finding.hint = "add ON CONFLICT DO NOTHING on a unique key";
  finding.object = relation.name.text();
}

// Columns that the INSERT does not name take their values from their sequences.
void LockSequencesOf(const model::Relation& relation, Node columns, StatementContext& context) {
  std::set<std::string> given;
  for (const Node item : columns.Items()) {
    given.emplace(item.As("ResTarget")["name"].text());
  }
  for (const model::Relation* sequence : context.db.SequencesOf(relation.name)) {
    if (!given.contains(sequence->owned_by->second)) {
      context.Lock(*sequence, LockMode::kRowExclusive);
    }
  }
}

// ---- The statements.

// The table that a data statement writes; nullptr when it is one of the catalog.
model::Relation* TargetOf(Node statement, StatementContext& context) {
  const model::Name name = model::NameOf(statement["relation"]);
  if (IsCatalogTable(name)) {
    WriteCatalog(name, statement["relation"], context);
    return nullptr;
  }
  return &context.Resolve(name);
}

void AnalyzeInsert(Node statement, StatementContext& context) {
  AnalyzeQuery(statement, context);
  model::Relation* relation = TargetOf(statement, context);
  if (relation == nullptr) return;
  WriteRows(*relation, true, false, context);
  context.Touches(*relation, "", Effect::kWrite);
  LockPartners(*relation, false, context);
  LockSequencesOf(*relation, statement["cols"], context);
  CheckRepeatableInsert(*relation, statement, context);
}

void AnalyzeUpdate(Node statement, StatementContext& context) {
  AnalyzeQuery(statement, context);
  model::Relation* relation = TargetOf(statement, context);
  if (relation == nullptr) return;
  const Node range = statement["relation"];
  const Node condition = statement["whereClause"];
  const bool every_row = HoldsForEveryRow(condition, *relation, range["alias"]["aliasname"].text());
  WriteRows(*relation, range["inh"].flag(), every_row, context);
  for (const Node target : statement["targetList"].Items()) {
    context.Touches(*relation, target.As("ResTarget")["name"].text(), Effect::kWrite);
  }
  // What it reads of the table decides what it writes.
  if (!relation->complete) context.Touches(*relation, "", Effect::kRead);
  for (const std::string& column : ColumnsIn(statement)) {
    if (relation->FindColumn(column) != nullptr) {
      context.Touches(*relation, column, Effect::kRead);
    }
  }
  LockPartners(*relation, true, context);
  if (every_row) ReportUnbounded(*relation, "UPDATE", condition, context);
  CheckRepeatableUpdate(*relation, statement["targetList"], condition, context);
}

void AnalyzeDelete(Node statement, StatementContext& context) {
  AnalyzeQuery(statement, context);
  model::Relation* relation = TargetOf(statement, context);
  if (relation == nullptr) return;
  const Node range = statement["relation"];
  const Node condition = statement["whereClause"];
  const bool every_row = HoldsForEveryRow(condition, *relation, range["alias"]["aliasname"].text());
  WriteRows(*relation, range["inh"].flag(), every_row, context);
  context.Touches(*relation, "", Effect::kWrite);
  LockPartners(*relation, true, context);
  if (every_row) ReportUnbounded(*relation, "DELETE", condition, context);
}

void AnalyzeMerge(Node statement, StatementContext& context) {
  AnalyzeQuery(statement, context);
  model::Relation* relation = TargetOf(statement, context);
  if (relation == nullptr) return;
  const Node range = statement["relation"];
  bool every_row = false;
  const bool all_match =
      HoldsForEveryRow(statement["joinCondition"], *relation, range["alias"]["aliasname"].text());
  for (const Node item : statement["mergeWhenClauses"].Items()) {
    const Node when = item.As("MergeWhenClause");
    const absl::string_view command = when["commandType"].text();
    every_row |= all_match && when["matched"].flag() && !when["condition"] &&
                 (command == "CMD_UPDATE" || command == "CMD_DELETE");
    CheckRepeatableUpdate(*relation, when["targetList"], when["condition"], context);
  }
  WriteRows(*relation, range["inh"].flag(), every_row, context);
  context.Touches(*relation, "", Effect::kWrite);
  LockPartners(*relation, true, context);
  if (every_row) ReportUnbounded(*relation, "MERGE", statement["joinCondition"], context);
}

void ReportCopy(Node statement, StatementContext& context) {
  const bool from = statement["is_from"].flag();
  if (statement["is_program"].flag() || statement["filename"]) {
    const bool program = statement["is_program"].flag();
    context.facts.needs_role = program ? "pg_execute_server_program"
                               : from  ? "pg_read_server_files"
                                       : "pg_write_server_files";
    context.Report(Rule::kCopyServerSide, Node(),
                   absl::StrCat("COPY ", from ? "FROM" : "TO", program ? " PROGRAM" : " a file",
                                " of the database server acts outside of the transaction"));
  } else if (from) {
    context
        .Refuse(Rule::kCopyStream, Node(),
                "COPY FROM STDIN waits for data that a migration does not bring")
        .hint = "write the rows as INSERT statements";
  } else {
    context.Report(Rule::kCopyStream, Node(), "COPY TO STDOUT sends data that nobody receives");
  }
}

void AnalyzeCopy(Node statement, StatementContext& context) {
  ReportCopy(statement, context);
  if (!statement["is_from"].flag()) {
    // It leaves the database alone, yet goes with the data: what it copies depends on when.
    context.Strengthen(Phase::kData);
    context.facts.kind = StatementClassKind::kQuery;
    if (const Node query = statement["query"]) {
      context.Inside(query);
    } else {
      const model::Name name = model::NameOf(statement["relation"]);
      if (IsCatalogTable(name)) return;
      const model::Relation& relation = context.Resolve(name);
      context.Lock(relation, LockMode::kAccessShare, {.scan = true});
      context.Touches(relation, "", Effect::kRead);
    }
    return;
  }
  model::Relation* relation = TargetOf(statement, context);
  if (relation == nullptr) return;
  WriteRows(*relation, true, false, context);
  context.Touches(*relation, "", Effect::kWrite);
  LockPartners(*relation, false, context);
}

void AnalyzeExplain(Node statement, StatementContext& context) {
  bool analyze = false;
  for (const Node item : statement["options"].Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() != "analyze") continue;
    const Node value = option["arg"];
    const absl::string_view text = value.text();
    const bool off = text == "false" || text == "off" ||
                     (value.type() == "Integer" && value.number() == 0) ||
                     (value.type() == "Boolean" && !value.body()["boolval"].flag());
    analyze = !off;
  }
  const Node query = statement["query"];
  if (analyze) {
    context.Inside(query);
    return;
  }
  // Planning locks what running would.
  const Node target = query.body()["relation"];
  const model::Relation* relation = target ? context.Find(target) : nullptr;
  if (relation != nullptr && query.type() != "SelectStmt") {
    context.Lock(*relation, LockMode::kRowExclusive);
  }
}

// SELECT ... INTO: a table comes to be.
void AnalyzeSelectInto(Node statement, StatementContext& context) {
  const Node range = statement["intoClause"]["rel"];
  context.facts.kind = StatementClassKind::kDefinition;
  context.Strengthen(Phase::kExpand);
  model::Relation relation;
  relation.temporary = range["relpersistence"].text() == "t";
  relation.unlogged = range["relpersistence"].text() == "u";
  relation.name = context.db.NameForNew(model::NameOf(range));
  relation.is_new = true;
  // Its columns are the query's.
  relation.complete = false;
  if (relation.temporary) {
    context
        .Report(Rule::kSessionStateLeak, range,
                absl::StrCat("temporary table ", relation.name.name,
                             " outlives the transaction and hides what is named like it"))
        .hint = "CREATE TEMP TABLE ... ON COMMIT DROP AS SELECT ...";
  }
  if (relation.unlogged) {
    context.Report(Rule::kCreateUnloggedTable, range,
                   absl::StrCat(relation.name.text(), " is emptied when the server crashes"));
  }
  context.Touches(context.db.Add(std::move(relation)), "", Effect::kCreate);
}

}  // namespace

void AnalyzeData(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "SelectStmt") {
    AnalyzeQuery(statement, context);
    if (statement["intoClause"]) AnalyzeSelectInto(statement, context);
  } else if (node_type == "InsertStmt") {
    AnalyzeInsert(statement, context);
  } else if (node_type == "UpdateStmt") {
    AnalyzeUpdate(statement, context);
  } else if (node_type == "DeleteStmt") {
    AnalyzeDelete(statement, context);
  } else if (node_type == "MergeStmt") {
    AnalyzeMerge(statement, context);
  } else if (node_type == "CopyStmt") {
    AnalyzeCopy(statement, context);
  } else {
    AnalyzeExplain(statement, context);
  }
}

}  // namespace lockstep::sql
