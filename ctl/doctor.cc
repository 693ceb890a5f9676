#include "ctl/doctor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "ctl/table.h"

namespace lockstep::ctl {
namespace {

const char* Word(Condition condition) {
  switch (condition) {
    case Condition::kOk:
      return "ok";
    case Condition::kWarning:
      return "warning";
    case Condition::kProblem:
      return "problem";
  }
  return "";
}

Tone ToneOf(Condition condition) {
  switch (condition) {
    case Condition::kOk:
      return Tone::kGood;
    case Condition::kWarning:
      return Tone::kWarning;
    case Condition::kProblem:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

std::string Sum(const Diagnosis& diagnosis) {
  return absl::StrCat(diagnosis.Count(Condition::kOk), " ok, ",
                      Count(diagnosis.Count(Condition::kWarning), "warning"), ", ",
                      Count(diagnosis.Count(Condition::kProblem), "problem"), "\n");
}

}  // namespace

void Diagnosis::Ok(std::string check, std::string detail) {
  findings_.push_back({std::move(check), Condition::kOk, std::move(detail), ""});
}

void Diagnosis::Warn(std::string check, std::string detail, std::string hint) {
  findings_.push_back({std::move(check), Condition::kWarning, std::move(detail), std::move(hint)});
}

void Diagnosis::Problem(std::string check, std::string detail, std::string hint) {
  findings_.push_back({std::move(check), Condition::kProblem, std::move(detail), std::move(hint)});
}

void Diagnosis::Problem(std::string check, const absl::Status& status) {
  Problem(std::move(check), std::string(status.message()), HintOf(status));
}

int Diagnosis::Count(Condition condition) const {
  return static_cast<int>(std::count_if(
      findings_.begin(), findings_.end(),
      [condition](const Finding& finding) { return finding.condition == condition; }));
}

void CheckClock(std::string check, absl::Time theirs, absl::Time before, absl::Time after,
                Diagnosis* diagnosis) {
  absl::Duration apart = absl::ZeroDuration();
  if (theirs < before) apart = before - theirs;
  if (theirs > after) apart = theirs - after;
  if (apart <= kClockTolerance) {
    diagnosis->Ok(std::move(check), absl::StrCat("agrees with this machine within ",
                                                 absl::FormatDuration(kClockTolerance)));
    return;
  }
  diagnosis->Warn(
      std::move(check),
      absl::StrCat(DurationText(apart), theirs < before ? " behind" : " ahead of", " this machine"),
      "let both follow a time server; leases do not depend on it, what people read does");
}

std::string DiagnosisText(const Diagnosis& diagnosis, const Style& style) {
  Table table({{"CHECK"}, {"STATE"}, {"DETAIL"}});
  for (const Finding& finding : diagnosis.findings()) {
    table.AddRow(
        {{finding.check}, {Word(finding.condition), ToneOf(finding.condition)}, {finding.detail}});
    if (!finding.hint.empty()) {
      table.AddRow({{""}, {"hint:", Tone::kStrong}, {finding.hint}});
    }
  }
  return absl::StrCat(table.Render(style, /*width=*/0), "\n", Sum(diagnosis));
}

std::string DiagnosisJson(const Diagnosis& diagnosis) {
  nlohmann::ordered_json document = {{"ok", diagnosis.Count(Condition::kOk)},
                                     {"warnings", diagnosis.Count(Condition::kWarning)},
                                     {"problems", diagnosis.Count(Condition::kProblem)},
                                     {"checks", nlohmann::ordered_json::array()}};
  for (const Finding& finding : diagnosis.findings()) {
    document["checks"].push_back({{"check", finding.check},
                                  {"state", Word(finding.condition)},
                                  {"detail", finding.detail},
                                  {"hint", finding.hint}});
  }
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace lockstep::ctl
