#include "coordinator/operation/needs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {
namespace {

Need Failed(const BackfillRow& row) {
  Need need{.backfill = row.name,
            .why = absl::StrCat("needs backfill ", row.name, ", which ",
                                row.state == "cancelled" ? "was cancelled" : "failed")};
  if (row.rows_left > 0) {
    absl::StrAppend(&need.why, ": its verification found ", row.rows_left,
                    row.rows_left == 1 ? " row left, " : " rows left, ", row.left_sample);
    need.hint =
        absl::StrCat("look at them: ", row.look, "; then `lockstep backfill start ", row.name, "`");
    return need;
  }
  if (!row.error.empty()) absl::StrAppend(&need.why, ": ", row.error);
  need.hint = absl::StrCat("`lockstep backfill start ", row.name, "` goes on with it");
  return need;
}

// The one at which a plan ends; null when nothing is in its way. `Steps` is const or not.
template <typename Steps>
auto* BlockedStep(Steps& steps) {
  const auto found = std::find_if(steps.begin(), steps.end(), [](const PlanStep& step) {
    return step.kind == StepKind::kBlocked;
  });
  return found == steps.end() ? nullptr : &*found;
}

}  // namespace

std::string DescribeProgress(const BackfillRow& row) {
  std::string text;
  if (row.total > 0) {
    // Whole percents: what is told changes a hundred times, not with each batch.
    const int64_t percent = std::min<int64_t>(100, 100 * row.walked / row.total);
    text = absl::StrCat(percent, " % of ", row.total, " rows");
  }
  if (!row.stands.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "stands still: ", row.stands);
  }
  return text;
}

std::optional<Need> NeedOf(const PendingMigration& migration,
                           const std::vector<BackfillRow>& backfills) {
  if (!migration.waits_for.empty()) return std::nullopt;
  for (const std::string& name : migration.needs_backfill) {
    const auto row = std::find_if(backfills.begin(), backfills.end(),
                                  [&](const BackfillRow& b) { return b.name == name; });
    if (row == backfills.end()) {
      return Need{.backfill = name,
                  .why = absl::StrCat("needs backfill ", name, ", which is not published"),
                  .hint = "`lockstep publish` it"};
    }
    if (row->state == "done") continue;
    if (row->state == "failed" || row->state == "cancelled") return Failed(*row);
    if (row->after >= migration.version) {
      return Need{
          .backfill = name,
          .why = absl::StrCat("needs backfill ", name, ", which runs after version ", row->after),
          .hint = "correct `after` in its file"};
    }
    const std::string progress = DescribeProgress(*row);
    return Need{
        .backfill = name,
        .wait = true,
        .why = absl::StrCat("waits for backfill ", name, progress.empty() ? "" : ": ", progress)};
  }
  return std::nullopt;
}

void ExplainNeeds(const std::vector<BackfillRow>& backfills, Plan* plan) {
  PlanStep* const blocked = BlockedStep(plan->steps);
  if (blocked == nullptr) return;
  const auto need = NeedOf(blocked->migration, backfills);
  if (!need.has_value()) return;
  blocked->waits = need->wait;
  blocked->why = need->hint.empty() ? need->why : absl::StrCat(need->why, "; ", need->hint);
}

std::optional<BackfillRow> WaitedFor(const Plan& plan, const std::vector<BackfillRow>& backfills) {
  if (NextRun(plan).has_value()) return std::nullopt;
  const PlanStep* const blocked = BlockedStep(plan.steps);
  if (blocked == nullptr) return std::nullopt;
  const auto need = NeedOf(blocked->migration, backfills);
  if (!need.has_value() || !need->wait) return std::nullopt;
  const auto row = std::find_if(backfills.begin(), backfills.end(),
                                [&](const BackfillRow& b) { return b.name == need->backfill; });
  return *row;
}

}  // namespace lockstep::coordinator
