#include "engine/sql/analysis/condition.h"

#include <algorithm>
#include <string>
#include <vector>

namespace lockstep::sql {
namespace {

// As people write conditions; anything deeper is not meant to be seen through.
constexpr int kMaxDepth = 24;

enum class Truth { kFalse, kTrue, kUnknown };

Truth Not(Truth truth) {
  if (truth == Truth::kUnknown) return truth;
  return truth == Truth::kTrue ? Truth::kFalse : Truth::kTrue;
}

Truth Of(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

Node WithoutCasts(Node node) {
  while (const Node cast = node.As("TypeCast")) node = cast["arg"];
  return node;
}

class Condition {
 public:
  Condition(const model::Relation& target, absl::string_view alias)
      : target_(target), alias_(alias) {}

  Truth Evaluate(Node node, int depth) const {
    if (depth == kMaxDepth) return Truth::kUnknown;
    const Node value = WithoutCasts(node);
    const absl::string_view type = value.type();
    if (type == "BoolExpr") return EvaluateBool(value.body(), depth);
    if (type == "A_Const") return EvaluateConstant(value.body());
    if (type == "A_Expr") return EvaluateComparison(value.body());
    if (type == "NullTest") return EvaluateNullTest(value.body());
    if (type == "SubLink") return EvaluateSubLink(value.body());
    if (type == "BooleanTest") {
      const absl::string_view test = value.body()["booltesttype"].text();
      const Truth truth = Evaluate(value.body()["arg"], depth + 1);
      // "IS_TRUE" is the zero of its enum, hence absent.
      if (test.empty() || test == "IS_TRUE" || test == "IS_NOT_FALSE") return truth;
      if (test == "IS_FALSE" || test == "IS_NOT_TRUE") return Not(truth);
    }
    return Truth::kUnknown;
  }

 private:
  Truth EvaluateBool(Node expression, int depth) const {
    const absl::string_view op = expression["boolop"].text();
    const std::vector<Node> arguments = expression["args"].Items();
    if (op == "NOT_EXPR") {
      return arguments.empty() ? Truth::kUnknown : Not(Evaluate(arguments[0], depth + 1));
    }
    // What decides an OR is true, what decides an AND is false.
    const Truth decisive = op == "OR_EXPR" ? Truth::kTrue : Truth::kFalse;
    bool known = true;
    for (const Node argument : arguments) {
      const Truth truth = Evaluate(argument, depth + 1);
      if (truth == decisive) return decisive;
      known &= truth != Truth::kUnknown;
    }
    if (known) return Not(decisive);
    return op == "OR_EXPR" && CoversNullAndNotNull(arguments) ? Truth::kTrue : Truth::kUnknown;
  }

  // x IS NULL OR x IS NOT NULL.
  static bool CoversNullAndNotNull(const std::vector<Node>& arguments) {
    std::vector<std::string> null;
    std::vector<std::string> not_null;
    for (const Node argument : arguments) {
      const Node test = argument.As("NullTest");
      const Node column = test["arg"].As("ColumnRef");
      if (!column) continue;
      const bool is_not = test["nulltesttype"].text() == "IS_NOT_NULL";
      (is_not ? not_null : null).emplace_back(LastField(column));
    }
    return std::any_of(null.begin(), null.end(), [&](const std::string& name) {
      return std::find(not_null.begin(), not_null.end(), name) != not_null.end();
    });
  }

  static Truth EvaluateConstant(Node constant) {
    if (constant["isnull"].flag()) return Truth::kFalse;
    if (const Node value = constant["boolval"]) return Of(value["boolval"].flag());
    const absl::string_view text = constant["sval"]["sval"].text();
    if (text == "t" || text == "true" || text == "on" || text == "yes" || text == "1") {
      return Truth::kTrue;
    }
    return text.empty() ? Truth::kUnknown : Truth::kFalse;
  }

  Truth EvaluateComparison(Node expression) const {
    const absl::string_view kind = expression["kind"].text();
    const absl::string_view op = expression["name"].At(0).text();
    const Node left = WithoutCasts(expression["lexpr"]);
    const Node right = WithoutCasts(expression["rexpr"]);
    if (kind == "AEXPR_LIKE" && op == "~~") {
      const absl::string_view pattern = right.As("A_Const").present() ? right.text() : "";
      const bool anything = pattern.find_first_not_of('%') == absl::string_view::npos;
      return !pattern.empty() && anything && IsNeverNull(left) ? Truth::kTrue : Truth::kUnknown;
    }
    if (kind != "AEXPR_OP") return Truth::kUnknown;
    if (left.type() == "A_Const" && right.type() == "A_Const") {
      return CompareConstants(op, left.body(), right.body());
    }
    const bool same = left.type() == "ColumnRef" && right.type() == "ColumnRef" &&
                      IsNeverNull(left) && IsNeverNull(right) &&
                      LastField(left.body()) == LastField(right.body());
    if (!same) return Truth::kUnknown;
    if (op == "=" || op == "<=" || op == ">=") return Truth::kTrue;
    return op == "<>" || op == "<" || op == ">" ? Truth::kFalse : Truth::kUnknown;
  }

  static Truth CompareConstants(absl::string_view op, Node left, Node right) {
    if (left["isnull"].flag() || right["isnull"].flag()) return Truth::kFalse;
    int order = 0;
    if (left["ival"] && right["ival"]) {
      const int64_t a = left["ival"]["ival"].number();
      const int64_t b = right["ival"]["ival"].number();
      order = a < b ? -1 : a > b ? 1 : 0;
    } else if (left["boolval"] && right["boolval"]) {
      order = left["boolval"]["boolval"].flag() == right["boolval"]["boolval"].flag() ? 0 : 1;
      if (op != "=" && op != "<>") return Truth::kUnknown;
    } else if (left["sval"] && right["sval"]) {
      order = left["sval"]["sval"].text() == right["sval"]["sval"].text() ? 0 : 1;
      // Which of two strings comes first is the collation's business.
      if (op != "=" && op != "<>") return Truth::kUnknown;
    } else {
      return Truth::kUnknown;
    }
    if (op == "=") return Of(order == 0);
    if (op == "<>") return Of(order != 0);
    if (op == "<") return Of(order < 0);
    if (op == "<=") return Of(order <= 0);
    if (op == ">") return Of(order > 0);
    return op == ">=" ? Of(order >= 0) : Truth::kUnknown;
  }

  Truth EvaluateNullTest(Node test) const {
    const bool is_not = test["nulltesttype"].text() == "IS_NOT_NULL";
    const Node argument = WithoutCasts(test["arg"]);
    if (const Node constant = argument.As("A_Const")) {
      return Of(constant["isnull"].flag() != is_not);
    }
    return IsNeverNull(argument) ? Of(is_not) : Truth::kUnknown;
  }

  // EXISTS (SELECT 1); id IN (SELECT id FROM the same table).
  Truth EvaluateSubLink(Node link) const {
    const Node query = link["subselect"].As("SelectStmt");
    if (query["whereClause"] || query["limitCount"] || query["havingClause"] || query["larg"] ||
        query["limitOffset"]) {
      return Truth::kUnknown;
    }
    const absl::string_view type = link["subLinkType"].text();
    if (type.empty() || type == "EXISTS_SUBLINK") {
      return query["fromClause"].size() == 0 ? Truth::kTrue : Truth::kUnknown;
    }
    const std::vector<Node> from = query["fromClause"].Items();
    if (type != "ANY_SUBLINK" || link["operName"].size() > 0 || from.size() != 1) {
      return Truth::kUnknown;
    }
    const model::Name read = model::NameOf(from[0].As("RangeVar"));
    const Node selected = query["targetList"].At(0).As("ResTarget")["val"].As("ColumnRef");
    const Node tested = link["testexpr"];
    const bool all = selected && IsNeverNull(tested) && read.name == target_.name.name &&
                     (read.schema.empty() || read.schema == target_.name.schema) &&
                     LastField(selected) == LastField(tested.As("ColumnRef"));
    return all ? Truth::kTrue : Truth::kUnknown;
  }

  static absl::string_view LastField(Node column_ref) {
    const std::vector<Node> fields = column_ref["fields"].Items();
    return fields.empty() ? absl::string_view() : fields.back().text();
  }

  // A column of the target (not of what it is joined with) that cannot be NULL.
  bool IsNeverNull(Node expression) const {
    const Node reference = expression.As("ColumnRef");
    const std::vector<Node> fields = reference["fields"].Items();
    if (fields.empty()) return false;
    if (fields.size() > 1) {
      const absl::string_view qualifier = fields[fields.size() - 2].text();
      if (qualifier != (alias_.empty() ? absl::string_view(target_.name.name) : alias_)) {
        return false;
      }
    }
    const absl::string_view name = fields.back().text();
    if (name == "ctid" || name == "xmin" || name == "tableoid") return true;
    if (const model::Column* column = target_.FindColumn(name)) {
      return column->not_null || IsInPrimaryKey(column->name);
    }
    // Of a table of which nothing is known: what is called so is the key.
    return !target_.complete && name == "id";
  }

  bool IsInPrimaryKey(const std::string& column) const {
    return std::any_of(target_.constraints.begin(), target_.constraints.end(),
                       [&](const model::Constraint& constraint) {
                         return constraint.kind == model::ConstraintKind::kPrimaryKey &&
                                std::find(constraint.columns.begin(), constraint.columns.end(),
                                          column) != constraint.columns.end();
                       });
  }

  const model::Relation& target_;
  absl::string_view alias_;
};

}  // namespace

bool HoldsForEveryRow(Node condition, const model::Relation& target, absl::string_view alias) {
  return !condition || Condition(target, alias).Evaluate(condition, 0) == Truth::kTrue;
}

}  // namespace lockstep::sql
