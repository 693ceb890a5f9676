#include "ctl/plan_view.h"

#include "absl/strings/str_cat.h"

#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"

namespace lockstep::ctl {
namespace {

std::string Notes(const v1::PlannedMigration& migration) {
  std::string notes;
  const auto add = [&notes](absl::string_view note) {
    absl::StrAppend(&notes, notes.empty() ? "" : "; ", note);
  };
  if (migration.left_waiting()) add("left waiting");
  if (!migration.blocked_by().empty()) add(absl::StrCat("blocked: ", migration.blocked_by()));
  if (!migration.transactional()) add("outside a transaction");
  return notes;
}

Tone ToneOf(const v1::PlannedMigration& migration) {
  if (!migration.blocked_by().empty()) return Tone::kBad;
  return migration.left_waiting() ? Tone::kWarning : Tone::kPlain;
}

}  // namespace

std::vector<int32_t> ToRun(const v1::PlanUpgradeResponse& plan) {
  std::vector<int32_t> versions;
  for (const auto& migration : plan.migrations()) {
    if (!migration.left_waiting()) versions.push_back(migration.ref().version());
  }
  return versions;
}

std::vector<int32_t> LeftWaiting(const v1::PlanUpgradeResponse& plan) {
  std::vector<int32_t> versions;
  for (const auto& migration : plan.migrations()) {
    if (migration.left_waiting()) versions.push_back(migration.ref().version());
  }
  return versions;
}

std::string PlanSummary(const v1::PlanUpgradeResponse& plan) {
  const std::vector<int32_t> versions = ToRun(plan);
  if (versions.empty()) return absl::StrCat("up to date at ", plan.applied());
  return absl::StrCat(plan.applied(), " -> ", plan.target(), ": ",
                      Count(static_cast<int64_t>(versions.size()), "migration"), " ",
                      VersionRange(versions));
}

std::string PlanTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width) {
  if (plan.migrations().empty()) return "";
  Table table(
      {{"VERSION", Align::kRight}, {"TITLE"}, {"PHASE"}, {"STATEMENTS", Align::kRight}, {"NOTES"}});
  for (const auto& migration : plan.migrations()) {
    const bool contract = migration.phase() == v1::PHASE_CONTRACT;
    table.AddRow({{absl::StrCat(migration.ref().version())},
                  {migration.ref().title()},
                  {PhaseWord(migration.phase()), contract ? Tone::kWarning : Tone::kPlain},
                  {absl::StrCat(migration.statements_size())},
                  {Notes(migration), ToneOf(migration)}});
  }
  return table.Render(style, width);
}

std::string PlanSql(const v1::PlanUpgradeResponse& plan) {
  std::string text;
  for (const auto& migration : plan.migrations()) {
    if (migration.left_waiting()) continue;
    // The title is one line here, so it cannot end the comment and smuggle a statement in.
    absl::StrAppend(&text, text.empty() ? "" : "\n", "-- ", migration.ref().version(), " ",
                    Sanitize(migration.ref().title()), " (", PhaseWord(migration.phase()), ")\n");
    for (const auto& statement : migration.statements()) {
      absl::StrAppend(&text, SanitizeText(statement.sql()), ";\n");
    }
  }
  return text;
}

std::vector<std::string> PlanWarnings(const v1::PlanUpgradeResponse& plan) {
  std::vector<std::string> warnings;
  const bool work = !ToRun(plan).empty();
  if (work && plan.migrators() == 0) {
    warnings.push_back(
        "note: no agent with --migrate-database is connected; an upgrade would wait for one");
  }
  for (const auto& migration : plan.migrations()) {
    if (migration.blocked_by().empty()) continue;
    warnings.push_back(absl::StrCat("blocked: ", migration.ref().version(), " ",
                                    Sanitize(migration.ref().title()), ": ",
                                    Sanitize(migration.blocked_by())));
  }
  return warnings;
}

}  // namespace lockstep::ctl
