#include "ctl/plan_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {
namespace {

bool Runs(const v1::PlannedMigration& migration) {
  return !migration.left_waiting() && migration.blocked_by().empty();
}

std::string Notes(const v1::PlannedMigration& migration) {
  std::string notes;
  const auto add = [&notes](absl::string_view note) {
    absl::StrAppend(&notes, notes.empty() ? "" : "; ", note);
  };
  if (migration.left_waiting()) {
    add(migration.blocked_by().empty() ? "left waiting"
                                       : absl::StrCat("left waiting: ", migration.blocked_by()));
  } else if (!migration.blocked_by().empty()) {
    add(migration.waits() ? migration.blocked_by()
                          : absl::StrCat("blocked: ", migration.blocked_by()));
  }
  if (!migration.transactional()) add("outside a transaction");
  if (!migration.waits_for().empty() && migration.blocked_by().empty()) {
    add(absl::StrCat("after contract ", absl::StrJoin(migration.waits_for(), ", ")));
  }
  return notes;
}

Tone ToneOf(const v1::PlannedMigration& migration) {
  if (migration.waits()) return Tone::kWarning;
  if (!migration.blocked_by().empty()) return Tone::kBad;
  return migration.left_waiting() ? Tone::kWarning : Tone::kPlain;
}

}  // namespace

std::vector<int32_t> ToRun(const v1::PlanUpgradeResponse& plan) {
  std::vector<int32_t> versions;
  for (const auto& migration : plan.migrations()) {
    if (Runs(migration)) versions.push_back(migration.ref().version());
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

const v1::PlannedMigration* BlockedStep(const v1::PlanUpgradeResponse& plan) {
  for (const auto& migration : plan.migrations()) {
    if (!migration.left_waiting() && !migration.blocked_by().empty()) return &migration;
  }
  return nullptr;
}

bool HasWork(const v1::PlanUpgradeResponse& plan) {
  const v1::PlannedMigration* blocked = BlockedStep(plan);
  return !ToRun(plan).empty() || (blocked != nullptr && blocked->waits());
}

absl::Status CheckBlocked(const v1::PlanUpgradeResponse& plan) {
  const v1::PlannedMigration* blocked = BlockedStep(plan);
  if (blocked == nullptr || HasWork(plan)) return absl::OkStatus();
  const std::string name = absl::StrCat(blocked->ref().version(), " ", blocked->ref().title());
  base::ErrorInfo info{
      .reason = "BLOCKED",
      .metadata = {{"version", absl::StrCat(blocked->ref().version())},
                   {"title", blocked->ref().title()},
                   {"effect", absl::StrCat("the database is at ", plan.applied())}},
      .blockers = {{"migration", name, blocked->blocked_by()}}};
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat("migration ", name, " is blocked"), std::move(info));
}

std::string PlanSummary(const v1::PlanUpgradeResponse& plan) {
  const std::vector<int32_t> versions = ToRun(plan);
  const v1::PlannedMigration* blocked = BlockedStep(plan);
  const std::string where =
      blocked == nullptr
          ? ""
          : absl::StrCat(blocked->waits() ? "waits at " : "blocked at ", blocked->ref().version());
  if (versions.empty()) {
    return blocked != nullptr ? where : absl::StrCat("up to date at ", plan.applied());
  }
  const int32_t reached = blocked != nullptr ? versions.back() : plan.target();
  return absl::StrCat(plan.applied(), " -> ", std::max(reached, plan.applied()), ": ",
                      Count(static_cast<int64_t>(versions.size()), "migration"), " ",
                      VersionRange(versions),
                      blocked == nullptr ? "" : absl::StrCat(", then ", where));
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
    if (!Runs(migration)) continue;
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
  if (const v1::PlannedMigration* blocked = BlockedStep(plan); blocked != nullptr) {
    warnings.push_back(
        Sanitize(absl::StrCat("note: ", blocked->ref().version(), " ", blocked->ref().title(),
                              blocked->waits() ? " " : " is blocked: ", blocked->blocked_by())));
  }
  return warnings;
}

}  // namespace lockstep::ctl
