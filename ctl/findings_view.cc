#include "ctl/findings_view.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "engine/base/error_info.h"
#include "engine/chain/backfill_lint.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

absl::string_view SeverityWord(v1::Severity severity) {
  switch (severity) {
    case v1::SEVERITY_ERROR:
      return "error";
    case v1::SEVERITY_WARNING:
      return "warning";
    default:
      return "info";
  }
}

v1::Severity WireSeverity(sql::Severity severity) {
  switch (severity) {
    case sql::Severity::kError:
      return v1::SEVERITY_ERROR;
    case sql::Severity::kWarning:
      return v1::SEVERITY_WARNING;
    case sql::Severity::kInfo:
      break;
  }
  return v1::SEVERITY_INFO;
}

std::string PlaceOf(const v1::Finding& finding) {
  return absl::StrCat(finding.file(), ":", finding.line(), ":", finding.column());
}

Tone ToneOf(const v1::Finding& finding) {
  if (!finding.allowed().empty()) return Tone::kFaint;
  if (finding.severity() == v1::SEVERITY_ERROR) return Tone::kBad;
  return finding.severity() == v1::SEVERITY_WARNING ? Tone::kWarning : Tone::kPlain;
}

bool IsTold(const v1::Finding& finding) {
  return finding.allowed().empty() && finding.severity() >= v1::SEVERITY_WARNING;
}

// "1.2 GiB", "640 KiB"; "" when it is not known.
std::string SizeText(int64_t bytes) {
  if (bytes < 0) return "";
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double size = static_cast<double>(bytes);
  size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  const int decimals = unit == 0 || size >= 10 ? 0 : 1;
  return absl::StrFormat("%.*f %s", decimals, size, kUnits[unit]);
}

std::string WorkOf(const v1::ObjectLock& lock) {
  if (lock.rewrite()) return "written anew";
  if (lock.index_rebuild()) return "built anew";
  return lock.scan() ? "all rows read" : "";
}

// Whether others wait for it: writers do from SHARE on.
bool Hurts(const v1::ObjectLock& lock) {
  return lock.live() && (lock.mode() == "SHARE" || lock.mode() == "SHARE ROW EXCLUSIVE" ||
                         lock.mode() == "EXCLUSIVE" || lock.mode() == "ACCESS EXCLUSIVE");
}

}  // namespace

absl::StatusOr<v1::LintMode> LintModeOf(const Arguments& arguments) {
  const std::string word = arguments.Text("--lint");
  if (word.empty()) return v1::LINT_MODE_UNSPECIFIED;
  if (word == "error") return v1::LINT_MODE_ERROR;
  if (word == "warn") return v1::LINT_MODE_WARN;
  if (word == "off") return v1::LINT_MODE_OFF;
  return UsageError(absl::StrCat("--lint is error, warn or off, not \"", word, "\""));
}

void AddBackfillFindings(const chain::Chain& local, v1::PublishChainResponse* response) {
  const auto& added = response->added_backfills();
  std::vector<chain::Backfill> jobs = local.backfills;
  std::erase_if(jobs, [&](const chain::Backfill& job) {
    return std::find(added.begin(), added.end(), job.name) == added.end();
  });
  sql::model::Database empty;
  empty.complete = true;
  const auto found = chain::LintBackfills(jobs, local.migrations, {}, std::move(empty));
  for (size_t i = 0; i < jobs.size(); ++i) {
    for (const sql::Finding& from : found[i]) {
      const sql::LineColumn place = sql::PositionOf(jobs[i].sql, from.offset);
      v1::Finding& finding = *response->add_findings();
      finding.set_rule(std::string(sql::InfoOf(from.rule).id));
      finding.set_severity(WireSeverity(from.severity));
      finding.set_file(absl::StrCat(chain::kBackfillsFolder, "/", jobs[i].name, ".sql"));
      finding.set_line(place.line);
      finding.set_column(place.column);
      finding.set_message(from.message);
      finding.set_hint(from.hint);
      finding.set_object(from.object);
      finding.set_allowed(from.allowed);
    }
  }
}

void SayFindings(Console& console, const Findings& findings) {
  int told = 0;
  for (const v1::Finding& finding : findings) {
    if (!IsTold(finding) || ++told > kMaxToldFindings) continue;
    console.Say(Sanitize(absl::StrCat(SeverityWord(finding.severity()), ": ", PlaceOf(finding),
                                      ": ", finding.message(), " [", finding.rule(), "]")));
  }
  if (told > kMaxToldFindings) {
    console.Say(absl::StrCat("and ", told - kMaxToldFindings, " more: lockstep lint shows all"));
  }
}

std::string FindingsTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width) {
  Table table({{"VERSION", Align::kRight}, {"FINDING"}, {"PLACE"}, {"WHAT"}});
  for (const auto& migration : plan.migrations()) {
    for (const v1::Finding& finding : migration.findings()) {
      if (!IsTold(finding)) continue;
      table.AddRow(
          {{absl::StrCat(migration.ref().version())},
           {absl::StrCat(SeverityWord(finding.severity()), " ", finding.rule()), ToneOf(finding)},
           {PlaceOf(finding)},
           {finding.message()}});
    }
  }
  return table.empty() ? "" : table.Render(style, width);
}

std::string LocksTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width) {
  Table table({{"VERSION", Align::kRight},
               {"LOCK"},
               {"OBJECT"},
               {"ROWS", Align::kRight},
               {"SIZE", Align::kRight},
               {"WORK"}});
  for (const auto& migration : plan.migrations()) {
    // One row an object and mode, however many statements take it.
    std::map<std::tuple<std::string, std::string, std::string>, const v1::ObjectLock*> locks;
    for (const auto& statement : migration.statements()) {
      for (const v1::ObjectLock& lock : statement.locks()) {
        if (Hurts(lock)) locks.emplace(std::tuple(lock.object(), lock.mode(), WorkOf(lock)), &lock);
      }
    }
    for (const auto& [key, lock] : locks) {
      const bool heavy = !WorkOf(*lock).empty();
      table.AddRow({{absl::StrCat(migration.ref().version())},
                    {lock->mode()},
                    {lock->object()},
                    {lock->rows() < 0 ? "" : absl::StrCat(lock->rows())},
                    {SizeText(lock->bytes())},
                    {WorkOf(*lock), heavy ? Tone::kWarning : Tone::kPlain}});
    }
  }
  return table.empty() ? "" : table.Render(style, width);
}

absl::Status CheckFindings(const v1::PlanUpgradeResponse& plan, v1::LintMode mode) {
  if (mode == v1::LINT_MODE_WARN || mode == v1::LINT_MODE_OFF) return absl::OkStatus();
  base::ErrorInfo info{.reason = "LINT_FAILED",
                       .hint =
                           "`lockstep lint --explain RULE` says what to do instead; "
                           "--lint=warn goes on all the same"};
  size_t count = 0;
  for (const auto& migration : plan.migrations()) {
    if (migration.left_waiting()) continue;
    for (const v1::Finding& finding : migration.findings()) {
      if (!finding.blocks()) continue;
      if (++count <= kMaxToldFindings) {
        info.blockers.push_back({finding.rule(), PlaceOf(finding), finding.message()});
      }
    }
  }
  if (count == 0) return absl::OkStatus();
  info.metadata["findings"] = absl::StrCat(count);
  const base::Blocker& first = info.blockers.front();
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(first.subject, ": ", first.description, " (", first.type, ")",
                                      count > 1 ? absl::StrCat(", and ", count - 1, " more") : ""),
                         std::move(info));
}

}  // namespace lockstep::ctl
