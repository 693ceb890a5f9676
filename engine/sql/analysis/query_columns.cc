#include "engine/sql/analysis/query_columns.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Database;
using Columns = std::optional<std::vector<Column>>;
using WithQueries = std::map<std::string, Columns>;

constexpr char kNameless[] = "?column?";
// Subqueries in FROM within each other and tables joined in a row; more than that is not followed.
constexpr int kMaxNesting = 64;

// What FROM offers to the select list.
struct Offered {
  std::string alias;
  Column column;
};
struct From {
  bool known = true;          // False: a plain star may mean more.
  std::vector<Offered> star;  // What a plain star gives, in order.
  std::vector<Offered> all;   // What can be named.
};

// ---- Names of expressions, as FigureColname in PostgreSQL's parse_target.c chooses them.

absl::string_view FixedName(absl::string_view type, Node body) {
  if (type == "CaseExpr") return "case";
  if (type == "A_ArrayExpr") return "array";
  if (type == "RowExpr") return "row";
  if (type == "CoalesceExpr") return "coalesce";
  if (type == "GroupingFunc") return "grouping";
  if (type == "MinMaxExpr") return body["op"].text() == "IS_LEAST" ? "least" : "greatest";
  if (type == "A_Expr" && body["kind"].text() == "AEXPR_NULLIF") return "nullif";
  return "";
}

std::string LastName(Node names) {
  const std::vector<Node> parts = names.Items();
  return parts.empty() ? "" : std::string(parts.back().text());
}

std::string NameOfValueFunction(Node body) {
  const std::string op(body["op"].text());  // "SVFOP_CURRENT_DATE"; with a precision "..._N".
  constexpr absl::string_view kPrefix = "SVFOP_";
  std::string name = op.size() > kPrefix.size() ? op.substr(kPrefix.size()) : op;
  if (name.size() > 2 && name.compare(name.size() - 2, 2, "_N") == 0) name.resize(name.size() - 2);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

// The name of an array element or a field, of which the last name counts; of a cast, a COLLATE or
// a CASE the name of what stands in it, when that has one; "" when it has none.
std::string NameOfExpression(Node expression) {
  std::string fallback;
  for (int i = 0; i < kMaxNesting; ++i) {
    const absl::string_view type = expression.type();
    const Node body = expression.body();
    if (type == "ColumnRef") return LastName(body["fields"]);
    if (type == "FuncCall") return LastName(body["funcname"]);
    if (type == "SQLValueFunction") return NameOfValueFunction(body);
    if (type == "TypeCast") {
      if (fallback.empty()) fallback = LastName(body["typeName"]["names"]);
      expression = body["arg"];
    } else if (type == "CollateClause") {
      expression = body["arg"];
    } else if (type == "A_Indirection") {
      for (const Node& step : body["indirection"].Items()) {
        if (step.type() == "String") return std::string(step.text());
      }
      expression = body["arg"];
    } else if (type == "CaseExpr" && body["defresult"]) {
      if (fallback.empty()) fallback = "case";
      expression = body["defresult"];
    } else if (type == "SubLink") {
      const absl::string_view kind = body["subLinkType"].text();
      if (kind == "EXISTS_SUBLINK") return "exists";
      if (kind == "ARRAY_SUBLINK") return "array";
      if (kind != "EXPR_SUBLINK") return fallback;
      const Node target = body["subselect"].As("SelectStmt")["targetList"].At(0).As("ResTarget");
      if (target["name"]) return std::string(target["name"].text());
      expression = target["val"];
    } else {
      const absl::string_view fixed = FixedName(type, body);
      return fixed.empty() ? fallback : std::string(fixed);
    }
  }
  return fallback;
}

// ---- Columns.

class Query {
 public:
  explicit Query(const Database& database) : database_(database) {}

  Columns Output(Node select, WithQueries with, int depth) const {
    if (depth > kMaxNesting) return std::nullopt;
    for (const Node item : select["withClause"]["ctes"].Items()) {
      const Node query = item.As("CommonTableExpr");
      Columns columns = Output(query["ctequery"].As("SelectStmt"), with, depth + 1);
      if (columns.has_value()) Rename(query["aliascolnames"], &*columns);
      with[std::string(query["ctename"].text())] = std::move(columns);
    }
    // Both sides of a UNION have as many; the first names them. Their types need not be alike.
    if (select["op"].text() != "SETOP_NONE" && select["larg"]) {
      Columns columns = Output(select["larg"], std::move(with), depth + 1);
      if (columns.has_value()) {
        for (Column& column : *columns) column.type = {};
      }
      return columns;
    }
    if (const Node values = select["valuesLists"]) return Values(values.At(0));
    return Targets(select, with, depth);
  }

 private:
  static void Rename(Node aliases, std::vector<Column>* columns) {
    const std::vector<Node> names = aliases.Items();
    for (size_t i = 0; i < names.size() && i < columns->size(); ++i) {
      (*columns)[i].name = std::string(names[i].text());
    }
  }

  static Columns Values(Node row) {
    std::vector<Column> columns(row.size());
    for (size_t i = 0; i < columns.size(); ++i) columns[i].name = absl::StrCat("column", i + 1);
    return columns;
  }

  Columns Targets(Node select, const WithQueries& with, int depth) const {
    From from;
    for (const Node item : select["fromClause"].Items()) Append(Source(item, with, depth), &from);
    std::vector<Column> columns;
    // A query that gives nothing is none that could be read.
    if (!select["targetList"]) return std::nullopt;
    for (const Node item : select["targetList"].Items()) {
      const Node target = item.As("ResTarget");
      const Node value = target["val"];
      const std::vector<Node> fields = value.As("ColumnRef")["fields"].Items();
      if (!fields.empty() && fields.back().type() == "A_Star") {
        if (!AddStar(fields, from, &columns)) return std::nullopt;
        continue;
      }
      std::string name =
          target["name"] ? std::string(target["name"].text()) : NameOfExpression(value);
      columns.push_back(
          {.name = name.empty() ? kNameless : std::move(name), .type = TypeOfValue(value, from)});
    }
    return columns;
  }

  static bool AddStar(const std::vector<Node>& fields, const From& from,
                      std::vector<Column>* columns) {
    if (fields.size() == 1) {
      for (const Offered& offered : from.star) columns->push_back(offered.column);
      return from.known;
    }
    const absl::string_view alias = fields[fields.size() - 2].text();
    const size_t before = columns->size();
    for (const Offered& offered : from.all) {
      if (offered.alias == alias) columns->push_back(offered.column);
    }
    return columns->size() > before;
  }

  static model::Type TypeOfValue(Node value, const From& from) {
    if (const Node cast = value.As("TypeCast")) return model::TypeOf(cast["typeName"]);
    const std::vector<Node> fields = value.As("ColumnRef")["fields"].Items();
    if (fields.empty()) return {};
    const absl::string_view alias =
        fields.size() > 1 ? fields[fields.size() - 2].text() : absl::string_view();
    for (const Offered& offered : from.all) {
      if (offered.column.name == fields.back().text() &&
          (alias.empty() || offered.alias == alias)) {
        return offered.column.type;
      }
    }
    return {};
  }

  static void Append(From more, From* from) {
    from->known &= more.known;
    std::move(more.star.begin(), more.star.end(), std::back_inserter(from->star));
    std::move(more.all.begin(), more.all.end(), std::back_inserter(from->all));
  }

  static From Named(const std::string& alias, Columns columns, Node alias_node) {
    From from{.known = columns.has_value()};
    if (!columns.has_value()) return from;
    Rename(alias_node["colnames"], &*columns);
    for (Column& column : *columns) from.star.push_back({alias, std::move(column)});
    from.all = from.star;
    return from;
  }

  // One item of FROM.
  From Source(Node item, const WithQueries& with, int depth) const {
    if (depth > kMaxNesting) return {.known = false};
    if (const Node range = item.As("RangeVar")) return Table(range, with);
    if (const Node subquery = item.As("RangeSubselect")) {
      return Named(std::string(subquery["alias"]["aliasname"].text()),
                   Output(subquery["subquery"].As("SelectStmt"), with, depth + 1),
                   subquery["alias"]);
    }
    if (const Node join = item.As("JoinExpr")) return Join(join, with, depth);
    return {.known = false};
  }

  From Table(Node range, const WithQueries& with) const {
    const model::Name name = model::NameOf(range);
    const Node alias = range["alias"];
    const std::string called = alias ? std::string(alias["aliasname"].text()) : name.name;
    if (const auto query = with.find(name.name); name.schema.empty() && query != with.end()) {
      return Named(called, query->second, alias);
    }
    const model::Relation* relation = database_.FindRelation(name);
    if (relation == nullptr || !relation->complete) return {.known = false};
    return Named(called, relation->columns, alias);
  }

  From Join(Node join, const WithQueries& with, int depth) const {
    From left = Source(join["larg"], with, depth + 1);
    From right = Source(join["rarg"], with, depth + 1);
    std::vector<std::string> merged;
    for (const Node column : join["usingClause"].Items()) merged.emplace_back(column.text());
    From joined;
    // What a natural join merges follows from all that both have: not followed.
    joined.known = left.known && right.known && !join["isNatural"].flag() && !join["alias"];
    const auto is_merged = [&](const Offered& offered) {
      return std::find(merged.begin(), merged.end(), offered.column.name) != merged.end();
    };
    for (const std::string& name : merged) {
      const auto found = std::find_if(left.star.begin(), left.star.end(),
                                      [&](const Offered& o) { return o.column.name == name; });
      if (found != left.star.end()) joined.star.push_back({"", found->column});
    }
    for (From* side : {&left, &right}) {
      std::copy_if(side->star.begin(), side->star.end(), std::back_inserter(joined.star),
                   [&](const Offered& offered) { return !is_merged(offered); });
      std::move(side->all.begin(), side->all.end(), std::back_inserter(joined.all));
    }
    return joined;
  }

  const Database& database_;
};

}  // namespace

Columns ColumnsOfQuery(Node select, const Database& database) {
  return Query(database).Output(select, {}, 0);
}

}  // namespace lockstep::sql
