#include "engine/sql/analysis/expression.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

// The columns of `c IS [NOT] NULL`, or of a row of columns that is tested so.
void AddTested(Node node, absl::string_view wanted, std::vector<std::string>* columns) {
  const Node test = node.As("NullTest");
  if (test["nulltesttype"].text() != wanted) return;
  std::vector<Node> tested = {test["arg"]};
  if (const Node row = test["arg"].As("RowExpr")) {
    // `(a, b) IS NULL` is false as soon as one of them is not.
    if (wanted == "IS_NULL") return;
    tested = row["args"].Items();
  }
  for (const Node column : tested) {
    const std::vector<Node> fields = column.As("ColumnRef")["fields"].Items();
    if (!fields.empty() && fields.back().type() == "String") {
      columns->emplace_back(fields.back().text());
    }
  }
}

}  // namespace

ParsedExpression ParseExpression(absl::string_view text) {
  ParsedExpression parsed{.tree = Tree::Parse(absl::StrCat("SELECT ", text))};
  parsed.node = parsed.tree.statement().As("SelectStmt")["targetList"].At(0).As("ResTarget")["val"];
  return parsed;
}

bool IsNull(Node expression) {
  while (expression.type() == "TypeCast") expression = expression.body()["arg"];
  return expression.As("A_Const")["isnull"].flag();
}

std::set<std::string> ColumnsIn(Node expression) {
  std::set<std::string> columns;
  Walk(expression, [&](absl::string_view name, Node node) {
    if (name != "ColumnRef") return true;
    const std::vector<Node> fields = node["fields"].Items();
    if (!fields.empty() && fields.back().type() == "String") {
      columns.emplace(fields.back().text());
    }
    return true;
  });
  return columns;
}

std::vector<std::string> ProvesNotNull(Node expression) {
  std::vector<std::string> proved;
  std::vector<Node> open = {expression};
  while (!open.empty()) {
    const Node node = open.back();
    open.pop_back();
    if (const Node logic = node.As("BoolExpr")) {
      const std::vector<Node> arguments = logic["args"].Items();
      if (logic["boolop"].text() == "AND_EXPR") {
        open.insert(open.end(), arguments.begin(), arguments.end());
      } else if (logic["boolop"].text() == "NOT_EXPR" && arguments.size() == 1) {
        AddTested(arguments[0], "IS_NULL", &proved);
      }
    } else {
      AddTested(node, "IS_NOT_NULL", &proved);
    }
  }
  return proved;
}

}  // namespace lockstep::sql
