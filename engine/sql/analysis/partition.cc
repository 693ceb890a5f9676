#include "engine/sql/analysis/partition.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/table_copy.h"

namespace lockstep::sql {
namespace {

using model::Relation;
using model::RelationKind;

// Says that the rows of `table` and of whatever is below it are locked, and read where they are.
void ClaimTree(const Relation& table, LockMode mode, bool scan, StatementContext& context) {
  const auto holds_rows = [](const Relation& r) {
    return r.kind != RelationKind::kPartitionedTable;
  };
  context.Lock(table, mode, {.scan = scan && holds_rows(table)});
  for (const Relation* below : context.db.Descendants(table)) {
    context.Lock(*below, mode, {.scan = scan && holds_rows(*below)});
  }
}

}  // namespace

void ClaimDefaultPartition(const Relation& parent, Node bound, Node at, StatementContext& context) {
  if (!parent.default_partition.has_value()) return;
  const Relation& rest = context.Resolve(*parent.default_partition);
  const bool scan = !ExcludesBound(parent, bound, rest);
  ClaimTree(rest, LockMode::kAccessExclusive, scan, context);
  if (!scan) return;
  context
      .ReportOn(rest, Rule::kPartitionDefaultScan, at,
                absl::StrCat("default partition ", rest.name.text(),
                             " is closed to all while it is searched for rows of the new one"))
      .hint = absl::StrCat("ALTER TABLE ", rest.name.text(),
                           " ADD CONSTRAINT ... CHECK (NOT (bound of the new partition)) NOT "
                           "VALID, and VALIDATE it, in migrations before this one");
}

void AnalyzeAttachPartition(Relation& /*relation*/, Node /*command*/, StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDetachPartition(Relation& /*relation*/, Node /*command*/, StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeInheritance(Relation& /*relation*/, Node /*command*/, StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
