#include "tests/chaos/report.h"

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "tests/chaos/evidence.h"

namespace lockstep::chaos {

Report MakeReport(const Options& options, const std::vector<Fault>& armed, const Journal& journal) {
  const auto faults = journal.faults();
  const auto counts = journal.counts();
  const auto violations = journal.violations();
  std::vector<std::string> missing;
  Report report;
  report.text = absl::StrCat("seed ", options.seed, ", ",
                             absl::FormatDuration(absl::Trunc(journal.elapsed(), absl::Seconds(1))),
                             "\n\nfaults\n");
  for (const Fault& fault : armed) {
    const auto it = faults.find(fault.kind);
    const int64_t times = it == faults.end() ? 0 : it->second;
    absl::StrAppendFormat(&report.text, "  %6d  %-20s %s\n", times, fault.kind, fault.what);
    if (times == 0) missing.push_back(absl::StrCat("fault ", fault.kind));
  }
  absl::StrAppend(&report.text, "\ncounts\n");
  for (const auto& [what, count] : counts) {
    absl::StrAppendFormat(&report.text, "  %6d  %s\n", count, what);
  }
  for (const Requirement& required : Required()) {
    const bool armed_for =
        *required.fault == '\0' || absl::c_any_of(armed, [&](const Fault& fault) {
          return absl::string_view(fault.kind) == required.fault;
        });
    const auto it = counts.find(required.count);
    if (armed_for && (it == counts.end() || it->second == 0)) {
      missing.push_back(absl::StrCat(required.count, " (", required.why, ")"));
    }
  }
  report.green = violations.empty() && (missing.empty() || options.allow_missing);
  if (!violations.empty()) absl::StrAppend(&report.text, "\nviolations\n");
  for (const std::string& each : violations) absl::StrAppend(&report.text, "  ", each, "\n");
  if (!missing.empty()) {
    absl::StrAppend(&report.text, "\nnever happened",
                    options.allow_missing ? "" : ", so the run proves nothing", "\n");
  }
  for (const std::string& each : missing) absl::StrAppend(&report.text, "  ", each, "\n");
  absl::StrAppend(&report.text, report.green ? "\ngreen\n" : "\nRED\n");
  report.json =
      nlohmann::json{
          {"seed", options.seed},     {"seconds", absl::ToDoubleSeconds(journal.elapsed())},
          {"green", report.green},    {"faults", faults},
          {"counts", counts},         {"violations", violations},
          {"never_happened", missing}}
          .dump(2);
  return report;
}

}  // namespace lockstep::chaos
