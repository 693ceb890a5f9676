#include "engine/sql/analysis/new_table.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

constexpr char kTemporarySchema[] = "pg_temp";

}  // namespace

model::Relation NewRelation(Node range, model::RelationKind kind, bool guarded,
                            StatementContext& context) {
  model::Relation relation;
  relation.name = context.db.NameForNew(model::NameOf(range));
  relation.kind = kind;
  const absl::string_view persistence = range["relpersistence"].text();
  relation.temporary = persistence == "t" || relation.name.schema == kTemporarySchema;
  if (relation.temporary) relation.name.schema = kTemporarySchema;
  relation.unlogged = persistence == "u";
  relation.is_new = !guarded || context.db.complete;
  relation.complete = relation.is_new;
  return relation;
}

void ReportPersistence(Node range, bool drop_on_commit, const model::Relation& relation,
                       StatementContext& context) {
  const std::string& name = relation.name.name;
  if (relation.unlogged) {
    context.Report(
        Rule::kCreateUnloggedTable, range,
        absl::StrCat("unlogged table ", name, " is emptied by a crash and absent from replicas"));
  }
  if (relation.temporary && !drop_on_commit) {
    context
        .Report(Rule::kSessionStateLeak, range,
                absl::StrCat("temporary table ", name,
                             " outlives the transaction and hides any table of that name"))
        .hint = "add ON COMMIT DROP";
  }
}

}  // namespace lockstep::sql
