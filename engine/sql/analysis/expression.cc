#include "engine/sql/analysis/expression.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {

ParsedExpression ParseExpression(absl::string_view text) {
  ParsedExpression parsed{.tree = Tree::Parse(absl::StrCat("SELECT ", text))};
  parsed.node = parsed.tree.statement().As("SelectStmt")["targetList"].At(0).As("ResTarget")["val"];
  return parsed;
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
    if (const Node both = node.As("BoolExpr"); both["boolop"].text() == "AND_EXPR") {
      for (const Node argument : both["args"].Items()) open.push_back(argument);
    } else if (const Node test = node.As("NullTest");
               test["nulltesttype"].text() == "IS_NOT_NULL") {
      const Node column = test["arg"].As("ColumnRef");
      const std::vector<Node> fields = column["fields"].Items();
      if (!fields.empty()) proved.emplace_back(fields.back().text());
    }
  }
  return proved;
}

}  // namespace lockstep::sql
