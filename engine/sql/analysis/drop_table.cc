#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/removal.h"

namespace lockstep::sql {

void AnalyzeDropTable(Node statement, StatementContext& context) {
  const std::vector<model::Name> names = RelationsToDrop(statement, context);
  for (const model::Name& name : names) {
    const model::Relation& table = context.Resolve(name);
    context
        .ReportOn(table, Rule::kDropTable, Node(),
                  absl::StrCat("drops table ", table.name.text(), " with its rows"))
        .hint = absl::StrCat(
        "drop it once no running version uses it; to be able to go back: "
        "CREATE SCHEMA IF NOT EXISTS trash; ALTER TABLE ",
        table.name.text(), " SET SCHEMA trash");
  }
  RemoveRelations(names, statement["behavior"].text() == "DROP_CASCADE", context);
}

}  // namespace lockstep::sql
