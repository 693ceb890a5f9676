// Whether CHECKs prove what a partition's bound asks for, as far as comparisons of the key column
// with constants go. Source: PartConstraintImpliedByRelConstraint in PostgreSQL's tablecmds.c and
// predtest.c, of which this proves a part.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/partition.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Relation;

// ---- Constants.

// A constant of the key's type. Those of types whose order is not known here are only equal or
// not.
struct Value {
  enum class Kind { kNumber, kMoment, kOther };
  Kind kind = Kind::kOther;
  int64_t number = 0;
  std::string text;
};

bool IsInteger(const model::Type& type) {
  return type.Is("int2") || type.Is("int4") || type.Is("int8");
}
bool IsMoment(const model::Type& type) {
  return type.Is("date") || type.Is("timestamp") || type.Is("timestamptz");
}

// "2024-01-01" as "2024-01-01 00:00:00", so that texts are ordered as moments are. Empty when it is
// written in another way.
std::string MomentOf(absl::string_view text, bool date) {
  constexpr absl::string_view kShape = "0000-00-00 00:00:00";
  constexpr size_t kDateSize = 10;
  std::string moment(text);
  if (moment.size() == kDateSize) moment += " 00:00:00";
  if (moment.size() != kShape.size() || (date && text.size() != kDateSize)) return "";
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool fits = kShape[i] == '0' ? absl::ascii_isdigit(moment[i]) : moment[i] == kShape[i];
    if (!fits) return "";
  }
  return moment;
}

// What the constant `node` is as a value of `type`.
std::optional<Value> ValueOf(Node node, const model::Type& type) {
  if (const Node cast = node.As("TypeCast")) {
    const model::Type to = model::TypeOf(cast["typeName"]);
    if (to.name != type.name && !(IsInteger(to) && IsInteger(type))) return std::nullopt;
    node = cast["arg"];
  }
  const Node constant = node.As("A_Const");
  if (!constant || constant["isnull"].flag() || constant["fval"] || constant["boolval"]) {
    return std::nullopt;
  }
  Value value;
  if (constant["ival"]) {
    if (!IsInteger(type)) return std::nullopt;
    value.kind = Value::Kind::kNumber;
    value.number = node.number();
    return value;
  }
  value.text = std::string(node.text());
  if (IsInteger(type)) {
    value.kind = Value::Kind::kNumber;
    if (!absl::SimpleAtoi(value.text, &value.number)) return std::nullopt;
  } else if (IsMoment(type)) {
    value.kind = Value::Kind::kMoment;
    value.text = MomentOf(value.text, type.Is("date"));
    if (value.text.empty()) return std::nullopt;
  }
  return value;
}

bool Equal(const Value& a, const Value& b) {
  return a.kind == b.kind && a.number == b.number && a.text == b.text;
}
bool Less(const Value& a, const Value& b) {
  if (a.kind != b.kind || a.kind == Value::Kind::kOther) return false;
  return a.kind == Value::Kind::kNumber ? a.number < b.number : a.text < b.text;
}
bool LessOrEqual(const Value& a, const Value& b) { return Less(a, b) || Equal(a, b); }

bool Contains(const std::vector<Value>& values, const Value& value) {
  return std::any_of(values.begin(), values.end(), [&](const Value& v) { return Equal(v, value); });
}

// ---- Comparisons of the key with constants.

enum class Test {
  kNone,  // Something else.
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,  // Two values, both included.
  kIn,
  kNotIn,
  kNull
};

struct Comparison {
  Test test = Test::kNone;
  std::vector<Value> values;
};

Test TestOf(absl::string_view op, bool flipped) {
  if (op == "=") return Test::kIn;
  if (op == "<>") return Test::kNotIn;
  if (op == "<") return flipped ? Test::kGreater : Test::kLess;
  if (op == "<=") return flipped ? Test::kGreaterOrEqual : Test::kLessOrEqual;
  if (op == ">") return flipped ? Test::kLess : Test::kGreater;
  if (op == ">=") return flipped ? Test::kLessOrEqual : Test::kGreaterOrEqual;
  return Test::kNone;
}

Test Negated(Test test) {
  switch (test) {
    case Test::kLess:
      return Test::kGreaterOrEqual;
    case Test::kLessOrEqual:
      return Test::kGreater;
    case Test::kGreater:
      return Test::kLessOrEqual;
    case Test::kGreaterOrEqual:
      return Test::kLess;
    case Test::kIn:
      return Test::kNotIn;
    case Test::kNotIn:
      return Test::kIn;
    case Test::kBetween:
    case Test::kNull:
    case Test::kNone:
      return Test::kNone;
  }
  return Test::kNone;
}

bool IsKey(Node node, const Column& key) {
  const Node fields = node.As("ColumnRef")["fields"];
  return fields.size() == 1 && fields.At(0).text() == key.name;
}

// The elements of `IN (...)` or `= ANY (ARRAY[...])`.
std::vector<Node> ElementsOf(Node list) {
  if (const Node cast = list.As("TypeCast")) list = cast["arg"];
  if (const Node array = list.As("A_ArrayExpr")) return array["elements"].Items();
  return list.Items();
}

Comparison ListComparison(Node expression, const Column& key) {
  Comparison comparison;
  if (!IsKey(expression["lexpr"], key)) return comparison;
  for (const Node element : ElementsOf(expression["rexpr"])) {
    std::optional<Value> value = ValueOf(element, key.type);
    if (!value.has_value()) return comparison;
    comparison.values.push_back(*std::move(value));
  }
  const absl::string_view op = expression["name"].At(0).text();
  const bool any = expression["kind"].text() != "AEXPR_OP_ALL";
  if (expression["kind"].text() == "AEXPR_BETWEEN") {
    comparison.test = Test::kBetween;
    return comparison;
  }
  if (op == "=" && any) comparison.test = Test::kIn;
  if (op == "<>" && (expression["kind"].text() != "AEXPR_OP_ANY")) comparison.test = Test::kNotIn;
  return comparison;
}

Comparison ComparisonOf(Node node, const Column& key) {
  Comparison comparison;
  if (const Node test = node.As("NullTest")) {
    if (test["nulltesttype"].text() == "IS_NULL" && IsKey(test["arg"], key)) {
      comparison.test = Test::kNull;
    }
    return comparison;
  }
  const Node expression = node.As("A_Expr");
  const absl::string_view kind = expression["kind"].text();
  if (kind == "AEXPR_IN" || kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL" ||
      kind == "AEXPR_BETWEEN") {
    return ListComparison(expression, key);
  }
  if (kind != "AEXPR_OP" || expression["name"].size() != 1) return comparison;
  const bool flipped = IsKey(expression["rexpr"], key);
  const Node column = flipped ? expression["rexpr"] : expression["lexpr"];
  const Node constant = flipped ? expression["lexpr"] : expression["rexpr"];
  std::optional<Value> value = ValueOf(constant, key.type);
  if (!IsKey(column, key) || !value.has_value()) return comparison;
  comparison.test = TestOf(expression["name"].At(0).text(), flipped);
  comparison.values.push_back(*std::move(value));
  return comparison;
}

// ---- What a comparison implies.

bool ImpliesAtLeast(const Comparison& c, const Value& lower) {
  if (c.test == Test::kBetween) return LessOrEqual(lower, c.values.front());
  if (c.test == Test::kGreaterOrEqual || c.test == Test::kGreater || c.test == Test::kIn) {
    return std::all_of(c.values.begin(), c.values.end(),
                       [&](const Value& v) { return LessOrEqual(lower, v); });
  }
  return false;
}

bool ImpliesBelow(const Comparison& c, const Value& upper) {
  if (c.test == Test::kBetween) return Less(c.values.back(), upper);
  const auto below = [&](const Value& v) {
    return c.test == Test::kLess ? LessOrEqual(v, upper) : Less(v, upper);
  };
  if (c.test == Test::kLess || c.test == Test::kLessOrEqual || c.test == Test::kIn) {
    return std::all_of(c.values.begin(), c.values.end(), below);
  }
  return false;
}

bool ImpliesIn(const Comparison& c, const std::vector<Value>& list) {
  return c.test == Test::kIn && std::all_of(c.values.begin(), c.values.end(),
                                            [&](const Value& v) { return Contains(list, v); });
}

bool ImpliesNotIn(const Comparison& c, const std::vector<Value>& list) {
  if (c.test == Test::kIn) {
    return std::none_of(c.values.begin(), c.values.end(),
                        [&](const Value& v) { return Contains(list, v); });
  }
  return c.test == Test::kNotIn && std::all_of(list.begin(), list.end(), [&](const Value& v) {
           return Contains(c.values, v);
         });
}

// ---- Bounds.

struct Bound {
  bool decidable = false;
  bool list = false;
  bool with_null = false;      // Of a list.
  std::vector<Value> values;   // Of a list.
  std::optional<Value> lower;  // Absent: MINVALUE.
  std::optional<Value> upper;  // Absent: MAXVALUE.
};

// Returns false when it is neither a constant nor `open`.
bool ReadEdge(Node datums, absl::string_view open, const Column& key, std::optional<Value>* edge) {
  if (datums.size() != 1) return false;
  const Node datum = datums.At(0);
  if (datum.As("ColumnRef")["fields"].At(0).text() == open) return true;
  *edge = ValueOf(datum, key.type);
  return edge->has_value();
}

Bound BoundOf(Node spec, const Column& key) {
  Bound bound;
  const absl::string_view strategy = spec["strategy"].text();
  if (strategy == "r") {
    bound.decidable = ReadEdge(spec["lowerdatums"], "minvalue", key, &bound.lower) &&
                      ReadEdge(spec["upperdatums"], "maxvalue", key, &bound.upper);
    return bound;
  }
  if (strategy != "l") return bound;
  bound.list = true;
  for (const Node datum : spec["listdatums"].Items()) {
    if (datum.body()["isnull"].flag()) {
      bound.with_null = true;
      continue;
    }
    std::optional<Value> value = ValueOf(datum, key.type);
    if (!value.has_value()) return bound;
    bound.values.push_back(*std::move(value));
  }
  bound.decidable = true;
  return bound;
}

const Column* KeyOf(const Relation& parent, const Relation& partition) {
  if (parent.partition_key.size() != 1 || !parent.complete || !partition.complete) return nullptr;
  return partition.FindColumn(parent.partition_key.front());
}

// The terms of an AND, or the expression itself; parentheses leave no trace in a tree, but nested
// ANDs do.
std::vector<Node> Terms(Node expression, absl::string_view op) {
  std::vector<Node> terms;
  std::vector<Node> open = {expression};
  while (!open.empty()) {
    const Node next = open.back();
    open.pop_back();
    const Node boolean = next.As("BoolExpr");
    if (boolean["boolop"].text() == op) {
      for (const Node term : boolean["args"].Items()) open.push_back(term);
    } else {
      terms.push_back(next);
    }
  }
  return terms;
}

// Calls `visit` for each term that all rows satisfy, until it returns true.
template <typename Visit>
bool AnyTerm(const Relation& relation, const Visit& visit) {
  for (const Constraint& constraint : relation.constraints) {
    if (constraint.kind != ConstraintKind::kCheck || !constraint.valid || !constraint.enforced ||
        constraint.expression.empty()) {
      continue;
    }
    const ParsedExpression parsed = ParseExpression(constraint.expression);
    for (const Node term : Terms(parsed.node, "AND_EXPR")) {
      if (visit(term)) return true;
    }
  }
  return false;
}

bool IsNeverNull(const Relation& relation, const Column& key) {
  if (key.not_null) return true;
  return std::any_of(
      relation.constraints.begin(), relation.constraints.end(), [&](const Constraint& c) {
        return c.kind == ConstraintKind::kCheck && c.valid && c.enforced &&
               std::find(c.proves_not_null.begin(), c.proves_not_null.end(), key.name) !=
                   c.proves_not_null.end();
      });
}

// The alternatives that a CHECK leaves: those of an OR, or those of NOT (a AND b).
std::vector<Comparison> AlternativesOf(Node term, const Column& key) {
  std::vector<Comparison> alternatives;
  const Node boolean = term.As("BoolExpr");
  if (boolean["boolop"].text() == "NOT_EXPR") {
    for (const Node inner : Terms(boolean["args"].At(0), "AND_EXPR")) {
      const Node test = inner.As("NullTest");
      if (test["nulltesttype"].text() == "IS_NOT_NULL" && IsKey(test["arg"], key)) {
        alternatives.push_back({.test = Test::kNull});
        continue;
      }
      Comparison comparison = ComparisonOf(inner, key);
      comparison.test = Negated(comparison.test);
      alternatives.push_back(std::move(comparison));
    }
    return alternatives;
  }
  for (const Node inner : Terms(term, "OR_EXPR")) {
    alternatives.push_back(ComparisonOf(inner, key));
  }
  return alternatives;
}

// Whether what satisfies `c` lies outside of `bound`.
bool LiesOutside(const Comparison& c, const Bound& bound) {
  if (c.test == Test::kNull) return !bound.with_null;
  if (bound.list) return ImpliesNotIn(c, bound.values);
  if (c.test == Test::kIn && c.values.size() > 1) {  // Some may lie below, others above.
    return std::all_of(c.values.begin(), c.values.end(), [&](const Value& v) {
      return (bound.lower.has_value() && Less(v, *bound.lower)) ||
             (bound.upper.has_value() && LessOrEqual(*bound.upper, v));
    });
  }
  if (bound.lower.has_value() && ImpliesBelow(c, *bound.lower)) return true;
  return bound.upper.has_value() && ImpliesAtLeast(c, *bound.upper);
}

}  // namespace

bool ProvesBound(const Relation& parent, Node spec, const Relation& partition) {
  const Column* key = KeyOf(parent, partition);
  if (key == nullptr || spec["is_default"].flag() || parent.is_partition) return false;
  const Bound bound = BoundOf(spec, *key);
  if (!bound.decidable) return false;
  if (!bound.with_null && !IsNeverNull(partition, *key)) return false;
  if (bound.list) {
    return AnyTerm(partition, [&](Node term) {
      const std::vector<Comparison> all = AlternativesOf(term, *key);
      return std::all_of(all.begin(), all.end(), [&](const Comparison& c) {
        return ImpliesIn(c, bound.values) || (bound.with_null && c.test == Test::kNull);
      });
    });
  }
  const bool above = !bound.lower.has_value() || AnyTerm(partition, [&](Node term) {
    return ImpliesAtLeast(ComparisonOf(term, *key), *bound.lower);
  });
  return above && (!bound.upper.has_value() || AnyTerm(partition, [&](Node term) {
           return ImpliesBelow(ComparisonOf(term, *key), *bound.upper);
         }));
}

bool ExcludesBound(const Relation& parent, Node spec, const Relation& rest) {
  const Column* key = KeyOf(parent, rest);
  if (key == nullptr) return false;
  const Bound bound = BoundOf(spec, *key);
  if (!bound.decidable || (bound.list && bound.with_null)) return false;
  return AnyTerm(rest, [&](Node term) {
    const std::vector<Comparison> alternatives = AlternativesOf(term, *key);
    return std::all_of(alternatives.begin(), alternatives.end(),
                       [&](const Comparison& c) { return LiesOutside(c, bound); });
  });
}

}  // namespace lockstep::sql
