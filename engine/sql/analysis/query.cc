#include "engine/sql/analysis/query.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/call.h"
#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

bool IsCatalog(const model::Name& name) {
  return name.schema == "pg_catalog" || name.schema == "information_schema" ||
         (name.schema.empty() && absl::StartsWith(name.name, "pg_"));
}

class Query {
 public:
  explicit Query(StatementContext& context) : context_(context) {}

  void Analyze(Node statement) {
    if (statement["lockingClause"]) locking_ = statement;
    Walk(statement, [&](absl::string_view name, Node node) { return Visit(name, node); });
    for (const Node range : tables_) Read(range, LockMode::kAccessShare);
    if (locking_) LockRows();
    for (const Node inside : data_statements_) context_.Inside(inside);
  }

 private:
  bool Visit(absl::string_view name, Node node) {
    if (name == "FuncCall") {
      AnalyzeCall(node, context_);
    } else if (name == "RangeVar") {
      tables_.push_back(node);
    } else if (name == "SelectStmt" && node["lockingClause"]) {
      locking_ = node;
    } else if (name == "withClause" && node["ctes"]) {
      VisitWith(node);
    } else if (name == "ctequery" && node.type() != "SelectStmt") {
      data_statements_.push_back(node);
      return false;
    }
    return true;
  }

  void VisitWith(Node with) {
    for (const Node item : with["ctes"].Items()) {
      const Node cte = item.As("CommonTableExpr");
      names_.push_back(cte["ctename"].text());
      if (with["recursive"].flag()) continue;
      // In its own query the name means the table.
      Walk(cte["ctequery"], [&](absl::string_view name, Node node) {
        if (name == "RangeVar" && !node["schemaname"] && node["relname"].text() == names_.back()) {
          Read(node, LockMode::kAccessShare, true);
        }
        return true;
      });
    }
  }

  void Read(Node range, LockMode mode, bool named_like_cte = false) {
    const model::Name name = model::NameOf(range);
    if (!named_like_cte && name.schema.empty() &&
        std::find(names_.begin(), names_.end(), name.name) != names_.end()) {
      return;
    }
    if (IsCatalog(name) || context_.IsKnownMissing(name)) return;
    const model::Relation& relation = context_.Resolve(name);
    ReadRelation(relation, mode);
  }

  // A view reads what it is made of.
  void ReadRelation(const model::Relation& relation, LockMode mode) {
    context_.Lock(relation, mode);
    context_.Touches(relation, "", Effect::kRead);
    if (relation.kind != model::RelationKind::kView) return;
    for (const auto& [name, columns] : relation.view_reads) {
      if (const model::Relation* source = context_.Find(name)) ReadRelation(*source, mode);
    }
  }

  // FOR UPDATE and its kin.
  void LockRows() {
    const Node clauses = locking_["lockingClause"];
    std::vector<Node> ranges;  // Those of joins, too.
    Walk(locking_["fromClause"], [&](absl::string_view name, Node node) {
      if (name == "RangeVar") ranges.push_back(node);
      return true;
    });
    for (const Node table : ranges) {
      if (!IsLocked(table, clauses)) continue;
      Read(table, LockMode::kRowShare);
      const model::Relation* relation = context_.Find(table);
      if (relation == nullptr || locking_["whereClause"] || locking_["limitCount"]) continue;
      context_
          .ReportOn(*relation, Rule::kExplicitLockTable, table,
                    absl::StrCat("every row of ", relation->name.text(),
                                 " is locked until the transaction ends"))
          .hint = "lock only the rows that the migration changes: add a WHERE clause";
    }
  }

  static bool IsLocked(Node table, Node clauses) {
    const absl::string_view alias = table["alias"]["aliasname"].text();
    const absl::string_view name = alias.empty() ? table["relname"].text() : alias;
    for (const Node clause : clauses.Items()) {
      const std::vector<Node> named = clause.As("LockingClause")["lockedRels"].Items();
      if (named.empty()) return true;
      for (const Node other : named) {
        if (other.As("RangeVar")["relname"].text() == name) return true;
      }
    }
    return false;
  }

  StatementContext& context_;
  std::vector<Node> tables_;
  std::vector<Node> data_statements_;
  std::vector<absl::string_view> names_;  // Of common table expressions.
  Node locking_;
};

}  // namespace

void AnalyzeQuery(Node statement, StatementContext& context) { Query(context).Analyze(statement); }

}  // namespace lockstep::sql
