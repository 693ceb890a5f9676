// A view that takes the place of a renamed table.

#include <algorithm>

#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;

// `SELECT` of nothing but columns of one relation, all of its rows: what PostgreSQL can write
// through.
bool IsPlain(Node select) {
  for (const char* field : {"distinctClause", "whereClause", "groupClause", "havingClause",
                            "windowClause", "valuesLists", "sortClause", "limitCount",
                            "limitOffset", "lockingClause", "withClause", "intoClause"}) {
    if (select[field]) return false;
  }
  return select["op"].text() == "SETOP_NONE" && select["fromClause"].size() == 1;
}

// Whether the columns of the view are those of `relation`, each under its name.
bool ShowsAll(Node select, const Relation& relation) {
  size_t named = 0;
  for (const Node& item : select["targetList"].Items()) {
    const Node target = item.As("ResTarget");
    const std::vector<Node> fields = target["val"].As("ColumnRef")["fields"].Items();
    if (fields.empty()) return false;
    if (fields.back().type() == "A_Star") return select["targetList"].size() == 1;
    const absl::string_view column = fields.back().text();
    const bool renamed = target["name"] && target["name"].text() != column;
    if (renamed || relation.FindColumn(column) == nullptr) return false;
    ++named;
  }
  return relation.complete && named == relation.columns.size();
}

// Whether the statement `view` shows `now` under the name `before`.
bool StandsIn(Node view, const Name& before, const Name& now, const model::Database& after) {
  if (!view || view["aliases"] || after.NameForNew(model::NameOf(view["view"])) != before) {
    return false;
  }
  const Node select = view["query"].As("SelectStmt");
  if (!select || !IsPlain(select)) return false;
  const Node source = select["fromClause"].At(0).As("RangeVar");
  if (!source || source["alias"]["colnames"]) return false;
  const Relation* relation = after.FindRelation(model::NameOf(source));
  return relation != nullptr && relation->name == now && ShowsAll(select, *relation);
}

}  // namespace

void AcceptStandIns(const FileInput& input, const model::Database& after, FileAnalysis* analysis) {
  if (input.transaction_none) return;
  std::vector<StatementFacts>& statements = analysis->statements;
  for (size_t i = 0; i < statements.size(); ++i) {
    if (statements[i].renamed.empty()) continue;
    const auto& [before, now] = statements[i].renamed.front();
    for (size_t j = i + 1; j < statements.size() && !statements[j].non_transactional; ++j) {
      if (statements[j].node != "ViewStmt") continue;
      const Tree tree = Tree::Parse(TextOf(input.text, input.statements[j]));
      if (!StandsIn(tree.statement().As("ViewStmt"), before, now, after)) continue;
      statements[i].phase = Phase::kExpand;
      statements[i].contract_kind = ContractKind::kNone;
      statements[i].phase_unknown = false;
      std::erase_if(analysis->findings, [&](const Finding& finding) {
        return finding.rule == Rule::kRenameTable && finding.statement == static_cast<int>(i);
      });
      break;
    }
  }
}

}  // namespace lockstep::sql
