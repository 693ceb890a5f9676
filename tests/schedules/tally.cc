#include "tests/schedules/tally.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::testing {
namespace {

double Percent(int part, int whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

constexpr double kLeastFenced = 5;

}  // namespace

int Tally::Total(Fault fault) const {
  const auto& row = faults[static_cast<size_t>(fault)];
  return std::accumulate(row.begin(), row.end(), 0);
}

int Tally::Total(Point point) const {
  int total = 0;
  for (const auto& row : faults) total += row[static_cast<size_t>(point)];
  return total;
}

std::string Report(const Tally& tally) {
  std::string text = absl::StrFormat("%-24s", "fault");
  for (int p = 0; p < kPoints; ++p)
    absl::StrAppendFormat(&text, "%14s", NameOf(static_cast<Point>(p)));
  absl::StrAppendFormat(&text, "%8s\n", "all");
  for (int f = 0; f < kFaults; ++f) {
    absl::StrAppendFormat(&text, "%-24s", NameOf(static_cast<Fault>(f)));
    for (const int count : tally.faults[static_cast<size_t>(f)])
      absl::StrAppendFormat(&text, "%14d", count);
    absl::StrAppendFormat(&text, "%8d\n", tally.Total(static_cast<Fault>(f)));
  }
  absl::StrAppendFormat(&text,
                        "\nschedules              %d, with %d migrations and %d runs\n"
                        "with a fault           %d\n"
                        "with a run taken back  %d (%.1f %%)\n"
                        "with a fenced holder   %d (%.1f %%); %d holders refused as fenced\n"
                        "twins refused          %d\n"
                        "commits in doubt       %d committed, %d not applied, %d never learnt\n"
                        "deposed leaders        %d revokes refused\n",
                        tally.schedules, tally.migrations, tally.runs, tally.with_fault,
                        tally.with_revoked, Percent(tally.with_revoked, tally.schedules),
                        tally.with_fenced, Percent(tally.with_fenced, tally.schedules),
                        tally.refused, tally.twins_refused, tally.doubt_committed,
                        tally.doubt_not_applied, tally.unknown, tally.deposed_refused);
  return text;
}

std::vector<std::string> Shortcomings(const Tally& tally) {
  std::vector<std::string> found;
  if (tally.with_fault < tally.schedules) {
    found.push_back(absl::StrCat(tally.schedules - tally.with_fault, " schedules without a fault"));
  }
  if (tally.schedules < kEnoughSchedules) return found;
  const auto wants = [&found](int count, absl::string_view what) {
    if (count == 0) found.push_back(absl::StrCat("never happened: ", what));
  };
  for (int f = 0; f < kFaults; ++f)
    wants(tally.Total(static_cast<Fault>(f)), NameOf(static_cast<Fault>(f)));
  for (int p = 0; p < kPoints; ++p)
    wants(tally.Total(static_cast<Point>(p)), NameOf(static_cast<Point>(p)));
  wants(tally.twins_refused, "a twin that was refused");
  wants(tally.doubt_committed, "a commit in doubt that was committed");
  wants(tally.doubt_not_applied, "a commit in doubt that was not applied");
  wants(tally.unknown, "a holder that never learnt what became of its COMMIT");
  wants(tally.deposed_refused, "a deposed leader whose revoke was refused");
  if (Percent(tally.with_fenced, tally.schedules) < kLeastFenced) {
    found.push_back("fewer than 5 % of the schedules have a fenced holder");
  }
  return found;
}

}  // namespace lockstep::testing
