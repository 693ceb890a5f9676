#include "ctl/backfill_view.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr int kCells = 10;

double PartOf(const v1::Backfill& backfill) {
  if (backfill.state() == "done") return 1;
  if (backfill.rows_total() == 0) return 0;
  return std::min(
      1.0, static_cast<double>(backfill.rows_done()) / static_cast<double>(backfill.rows_total()));
}

std::string Percent(const v1::Backfill& backfill) {
  return absl::StrCat(static_cast<int>(100 * PartOf(backfill)), " %");
}

bool HasBegun(const v1::Backfill& backfill) { return backfill.run() > 0; }

void AddLine(std::string* text, absl::string_view name, absl::string_view value) {
  if (value.empty()) return;
  absl::StrAppend(text, name, std::string(std::max<size_t>(1, 12 - name.size()), ' '),
                  Sanitize(value), "\n");
}

}  // namespace

std::string ProgressBar(double part) {
  const int full = std::clamp(static_cast<int>(std::lround(part * kCells)), 0, kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) absl::StrAppend(&bar, i < full ? "█" : "░");
  return bar;
}

bool HasEnded(const v1::Backfill& backfill) {
  return backfill.state() == "done" || backfill.state() == "failed" ||
         backfill.state() == "cancelled";
}

std::string BackfillProgress(const v1::Backfill& backfill) {
  std::vector<std::string> parts;
  if (backfill.rows_total() > 0) {
    parts.push_back(ProgressBar(PartOf(backfill)));
    parts.push_back(Percent(backfill));
    parts.push_back(absl::StrCat(backfill.rows_done(), " of ", backfill.rows_total(), " rows"));
  }
  if (backfill.rows_per_second() >= 1 && !HasEnded(backfill)) {
    parts.push_back(absl::StrCat(std::llround(backfill.rows_per_second()), "/s"));
  }
  if (backfill.has_eta()) {
    parts.push_back(absl::StrCat("eta ", DurationText(convert::FromProto(backfill.eta()))));
  }
  if (backfill.has_lag() && !HasEnded(backfill)) {
    parts.push_back(absl::StrCat("lag ", DurationText(convert::FromProto(backfill.lag()))));
  }
  if (!backfill.standing().empty()) {
    parts.push_back(absl::StrCat("stands still: ", backfill.standing()));
  }
  return absl::StrJoin(parts, "  ");
}

std::string BackfillStep(const v1::Backfill& backfill) {
  const int64_t tenth =
      backfill.rows_total() == 0 ? 0 : 10 * backfill.rows_done() / backfill.rows_total();
  return absl::StrCat(tenth, "/", backfill.standing());
}

std::string BackfillLine(const v1::Backfill& backfill) {
  std::string text = absl::StrCat("backfill ", backfill.name(), ": ", backfill.state());
  if (backfill.state() == "running" || backfill.state() == "paused") {
    const std::string progress = BackfillProgress(backfill);
    if (!progress.empty()) absl::StrAppend(&text, "  ", progress);
  }
  if (backfill.state() == "failed") {
    absl::StrAppend(&text, ": ", backfill.error(), "; `lockstep backfill get ", backfill.name(),
                    "`");
  }
  return Sanitize(text);
}

std::string BackfillsTable(const v1::ListBackfillsResponse& response, const Style& style,
                           int width) {
  Table table({{"BACKFILL"},
               {"AFTER", Align::kRight},
               {"STATE"},
               {"DONE", Align::kRight},
               {"ROWS", Align::kRight},
               {"RATE", Align::kRight},
               {"ETA", Align::kRight},
               {"LAG", Align::kRight},
               {"NOTE"}});
  for (const v1::Backfill& b : response.backfills()) {
    const bool active = b.state() == "running" || b.state() == "paused";
    table.AddRow(
        {{b.name()},
         {absl::StrCat(b.after())},
         {b.state(), b.state() == "failed" ? Tone::kBad : Tone::kPlain},
         {HasBegun(b) ? Percent(b) : ""},
         {HasBegun(b) ? absl::StrCat(b.rows_done()) : ""},
         {active && b.rows_per_second() >= 1 ? absl::StrCat(std::llround(b.rows_per_second()), "/s")
                                             : ""},
         {b.has_eta() ? DurationText(convert::FromProto(b.eta())) : ""},
         {b.has_lag() ? DurationText(convert::FromProto(b.lag())) : ""},
         {b.standing().empty() ? b.error() : b.standing()}});
  }
  return table.Render(style, width);
}

std::string BackfillText(const v1::Backfill& b) {
  std::string text;
  AddLine(&text, "backfill", b.name());
  AddLine(&text, "state", b.state());
  AddLine(&text, "after", absl::StrCat("version ", b.after()));
  if (!HasBegun(b)) return text;
  AddLine(&text, "progress", BackfillProgress(b));
  AddLine(&text, "parts", absl::StrCat(b.parts_done(), " of ", b.parts(), " done"));
  AddLine(&text, "batches",
          absl::StrCat(b.batches(), ", ", b.rows_changed(), " rows changed",
                       b.batch_rows() > 0 ? absl::StrCat(", ", b.batch_rows(), " rows each")
                                          : std::string()));
  AddLine(&text, "by", absl::StrJoin(b.holders(), ", "));
  if (b.settings() != "{}") AddLine(&text, "settings", b.settings());
  AddLine(&text, "started by",
          b.reason().empty() ? b.actor() : absl::StrCat(b.actor(), ": ", b.reason()));
  AddLine(&text, "error", b.error());
  if (b.rows_left() > 0) {
    AddLine(&text, "left", absl::StrCat(b.rows_left(), " rows, such as ", b.left_sample()));
    AddLine(&text, "look", b.look());
  }
  AddLine(&text, "hint", b.hint());
  return text;
}

}  // namespace lockstep::ctl
