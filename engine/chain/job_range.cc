#include "engine/chain/job_range.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/builtin_function.h"

namespace lockstep::chain {
namespace {

using sql::Node;
using sql::model::Name;

// What a statement is about, as far as it decides which rows it reaches.
struct Reach {
  bool uses_end = false;   // A parameter of the high key.
  bool unknown = false;    // Something else may bound it.
  bool changes = false;    // Rows of any table.
  bool walked = false;     // Reads or changes the table that is walked.
  bool elsewhere = false;  // Reads or changes another one.
};

// Names of queries in WITH hide tables.
std::set<std::string> QueriesIn(Node statement) {
  std::set<std::string> names;
  sql::Walk(statement, [&](absl::string_view name, Node node) {
    if (name == "CommonTableExpr") names.emplace(node["ctename"].text());
    return true;
  });
  return names;
}

bool IsPostgres(Node call) {
  const Name function = sql::model::NameOf(call["funcname"]);
  if (function.name == "current_setting" || function.name == "unnest") return false;
  return (function.schema.empty() || function.schema == "pg_catalog") &&
         sql::BuiltinVolatility(function.name).has_value();
}

class Reader {
 public:
  Reader(int64_t first_of_end, const Name& walked, const sql::model::Database& database,
         std::set<std::string> queries)
      : first_of_end_(first_of_end),
        walked_(walked),
        database_(database),
        queries_(std::move(queries)) {}

  Reach Read(Node statement) {
    sql::Walk(statement, [this](absl::string_view name, Node node) {
      Visit(name, node);
      return true;
    });
    return reach_;
  }

 private:
  void Visit(absl::string_view name, Node node) {
    if (name == "ParamRef") {
      reach_.uses_end |= node["number"].number() >= first_of_end_;
    } else if (name == "limitCount" || name == "RangeFunction" || name == "RangeTableSample" ||
               name == "SubLink" || name == "CurrentOfExpr") {
      reach_.unknown = true;
    } else if (name == "FuncCall") {
      reach_.unknown |= !IsPostgres(node);
    } else if (name == "UpdateStmt" || name == "DeleteStmt" || name == "MergeStmt") {
      reach_.changes = true;
      Table(node["relation"]);
    } else if (name == "InsertStmt") {
      reach_.changes = true;  // Where to is of no matter, but what from.
    } else if (name == "RangeVar") {
      Table(node);
    }
  }

  void Table(Node range) {
    const Name written = sql::model::NameOf(range);
    if (written.schema.empty() && queries_.contains(written.name)) return;
    const auto* const relation = database_.FindRelation(written);
    const Name name = relation == nullptr ? written : relation->name;
    (name == walked_ ? reach_.walked : reach_.elsewhere) = true;
  }

  const int64_t first_of_end_;
  const Name walked_;
  const sql::model::Database& database_;
  const std::set<std::string> queries_;
  Reach reach_;
};

}  // namespace

std::string RangeCondition(const std::vector<std::string>& keys) {
  const auto parameters = [&](size_t first) {
    std::vector<std::string> names;
    for (size_t i = 0; i < keys.size(); ++i) names.push_back(absl::StrCat("$", first + i));
    return absl::StrJoin(names, ", ");
  };
  std::string columns = absl::StrJoin(keys, ", ");
  std::string low = parameters(1);
  std::string high = parameters(keys.size() + 1);
  if (keys.size() > 1) {
    for (std::string* list : {&columns, &low, &high}) *list = absl::StrCat("(", *list, ")");
  }
  return absl::StrCat(columns, " > ", low, " AND ", columns, " <= ", high);
}

bool IgnoresEnd(Node statement, size_t keys, const Name& walked,
                const sql::model::Database& database) {
  const Reach reach = Reader(static_cast<int64_t>(keys) + 1, walked, database, QueriesIn(statement))
                          .Read(statement);
  return reach.changes && reach.walked && !reach.elsewhere && !reach.uses_end && !reach.unknown;
}

}  // namespace lockstep::chain
