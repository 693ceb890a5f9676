// The names that PostgreSQL gives to what has none.

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/definition.h"

namespace lockstep::sql {
namespace {

constexpr size_t kMaxNameBytes = 63;

// Cuts `text` to at most `size` bytes without splitting a character of UTF-8.
void Clip(size_t size, std::string* text) {
  if (text->size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>((*text)[size]) & 0xC0) == 0x80) --size;
  text->resize(size);
}

// makeObjectName of PostgreSQL: what does not fit is cut off the longer of the two names.
std::string MakeName(std::string table, std::string columns, absl::string_view suffix) {
  const size_t overhead = suffix.size() + 1 + (columns.empty() ? 0 : 1);
  size_t table_size = table.size();
  size_t columns_size = columns.size();
  while (table_size + columns_size + overhead > kMaxNameBytes) {
    if (table_size > columns_size) {
      --table_size;
    } else {
      --columns_size;
    }
  }
  Clip(table_size, &table);
  Clip(columns_size, &columns);
  return columns.empty() ? absl::StrCat(table, "_", suffix)
                         : absl::StrCat(table, "_", columns, "_", suffix);
}

bool IsTaken(const model::Relation& relation, absl::string_view name) {
  return relation.FindConstraint(name) != nullptr || relation.FindIndex(name) != nullptr;
}

}  // namespace

std::string ChooseName(const model::Relation& relation, const std::vector<std::string>& columns,
                       absl::string_view suffix) {
  std::string joined;
  for (const std::string& column : columns) {
    if (!joined.empty()) joined += '_';
    joined += column;
    if (joined.size() > kMaxNameBytes) break;
  }
  std::string name = MakeName(relation.name.name, joined, suffix);
  for (int number = 1; IsTaken(relation, name); ++number) {
    name = MakeName(relation.name.name, joined, absl::StrCat(suffix, number));
  }
  return name;
}

std::string IndexColumnName(Node expression) {
  // FigureColnameInternal of PostgreSQL's parse_target.c. A cast is named after its type when what
  // it casts has no name.
  std::string fallback = "expr";
  for (Node node = expression; node.present();) {
    const absl::string_view type = node.type();
    const Node body = node.body();
    if (type == "FuncCall" || type == "ColumnRef") {
      const std::vector<Node> parts = body[type == "FuncCall" ? "funcname" : "fields"].Items();
      return parts.empty() ? fallback : std::string(parts.back().text());
    }
    if (type == "CoalesceExpr") return "coalesce";
    if (type == "MinMaxExpr") return body["op"].text() == "IS_LEAST" ? "least" : "greatest";
    if (type == "CaseExpr") {
      if (fallback == "expr") fallback = "case";
      node = body["defresult"];
    } else if (type == "TypeCast") {
      if (fallback == "expr") fallback = model::NameOf(body["typeName"]).name;
      node = body["arg"];
    } else if (type == "CollateClause" || type == "A_Indirection") {
      node = body["arg"];
    } else {
      return fallback;
    }
  }
  return fallback;
}

}  // namespace lockstep::sql
