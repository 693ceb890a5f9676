#include "tests/bench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sys/utsname.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace lockstep::bench {
namespace {

std::string Number(double ratio) {
  return ratio < 0.1 ? absl::StrFormat("%.3f", ratio) : absl::StrFormat("%.2f", ratio);
}

bool IsMet(const Row& row) {
  return row.target->at_least ? row.ratio >= row.target->ratio : row.ratio <= row.target->ratio;
}

std::string TargetOf(const Row& row) {
  if (!row.target.has_value()) return "-";
  return absl::StrCat(row.target->at_least ? ">= " : "<= ", Number(row.target->ratio));
}

std::string VerdictOf(const Row& row) {
  if (!row.target.has_value()) return "-";
  return IsMet(row) ? "met" : "missed";
}

using Cells = std::array<std::string, 7>;
Cells CellsOf(const Row& row) {
  return {row.benchmark, row.measured,   row.reference, Number(row.ratio),
          TargetOf(row), VerdictOf(row), row.context};
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

}  // namespace

std::string Duration(double seconds) {
  if (seconds < 1e-3) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.3g ms", seconds * 1e3);
  return absl::StrFormat("%.2f s", seconds);
}

void Report::Add(Row row) {
  std::printf("  %s: %s = %s of %s (%s) %s\n", row.benchmark.c_str(), row.measured.c_str(),
              Number(row.ratio).c_str(), row.reference.c_str(), row.context.c_str(),
              VerdictOf(row).c_str());
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

void Report::Note(const std::string& text) {
  std::printf("  %s\n", text.c_str());
  std::fflush(stdout);
  notes_.push_back(text);
}

void Report::Machine(const std::string& name, const std::string& value) {
  machine_.emplace_back(name, value);
}

void Report::PrintTable() const {
  std::vector<Cells> table = {
      {"benchmark", "measured", "reference", "ratio", "target", "verdict", "figures"}};
  for (const Row& row : rows_) table.push_back(CellsOf(row));
  std::array<size_t, 7> widths{};
  for (const Cells& cells : table) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::printf("\n");
  for (const Cells& cells : table) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      absl::StrAppend(&line, absl::StrFormat("%-*s  ", static_cast<int>(widths[i]), cells[i]));
    }
    std::printf("%s\n", std::string(absl::StripTrailingAsciiWhitespace(line)).c_str());
  }
  std::printf("\n");
  for (const auto& [name, value] : machine_) std::printf("%s: %s\n", name.c_str(), value.c_str());
  for (const std::string& note : notes_) std::printf("note: %s\n", note.c_str());
}

nlohmann::json Report::ToJson() const {
  nlohmann::json json = {{"rows", nlohmann::json::array()}, {"notes", notes_}};
  for (const auto& [name, value] : machine_) json["machine"][name] = value;
  for (const Row& row : rows_) {
    nlohmann::json each = {{"benchmark", row.benchmark},
                           {"measured", row.measured},
                           {"reference", row.reference},
                           {"ratio", row.ratio},
                           {"figures", row.context}};
    if (row.target.has_value()) {
      each["target"] = row.target->ratio;
      each["target_is"] = row.target->at_least ? "at least" : "at most";
      each["met"] = IsMet(row);
    }
    json["rows"].push_back(std::move(each));
  }
  return json;
}

void DescribeMachine(Report& report) {
  utsname kernel{};
  uname(&kernel);
  double load[1] = {0};
  (void)getloadavg(load, 1);
  report.Machine("processor", ProcessorName());
  report.Machine("cores", absl::StrCat(sysconf(_SC_NPROCESSORS_ONLN)));
  report.Machine("kernel", absl::StrCat(kernel.sysname, " ", kernel.release));
  report.Machine("load at the start", absl::StrFormat("%.1f", load[0]));
}

}  // namespace lockstep::bench
