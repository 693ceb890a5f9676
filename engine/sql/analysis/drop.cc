#include <algorithm>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

struct Row {
  absl::string_view type;
  void (*handler)(Node, StatementContext&);
};

// Everything else is AnalyzeDropObject's.
constexpr Row kRows[] = {
    {"OBJECT_TABLE", AnalyzeDropTable},        {"OBJECT_FOREIGN_TABLE", AnalyzeDropTable},
    {"OBJECT_INDEX", AnalyzeDropIndex},        {"OBJECT_VIEW", AnalyzeDropView},
    {"OBJECT_MATVIEW", AnalyzeDropView},       {"OBJECT_TYPE", AnalyzeDropType},
    {"OBJECT_DOMAIN", AnalyzeDropType},        {"OBJECT_FUNCTION", AnalyzeDropFunction},
    {"OBJECT_PROCEDURE", AnalyzeDropFunction}, {"OBJECT_AGGREGATE", AnalyzeDropFunction},
    {"OBJECT_ROUTINE", AnalyzeDropFunction},   {"OBJECT_TRIGGER", AnalyzeDropTrigger},
    {"OBJECT_RULE", AnalyzeDropTrigger},       {"OBJECT_POLICY", AnalyzeDropTrigger},
};

// Whether something that others may use goes: for what no touch tells of, yes.
bool RemovesLive(const StatementFacts& facts) {
  bool any = false;
  for (const Touch& touch : facts.touches) {
    if (touch.effect != Effect::kBreak) continue;
    if (touch.live) return true;
    any = true;
  }
  return !any;
}

}  // namespace

void AnalyzeDrop(Node statement, StatementContext& context) {
  const absl::string_view type = statement["removeType"].text();
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&](const Row& r) { return r.type == type; });
  (row == std::end(kRows) ? AnalyzeDropObject : row->handler)(statement, context);
  if (statement["behavior"].text() != "DROP_CASCADE" || context.facts.no_op) return;
  if (RemovesLive(context.facts)) {
    context.Report(Rule::kDropCascade, Node(),
                   "CASCADE takes along whatever depends on it, without naming it");
  }
}

}  // namespace lockstep::sql
