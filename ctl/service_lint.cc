#include "ctl/service_lint.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "ctl/check.h"
#include "ctl/local_chain.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/service_file.h"
#include "engine/chain/uses.h"
#include "engine/sql/rules/rule.h"

namespace lockstep::ctl {
namespace {

// Where an entry of `uses` is in the text.
void Place(const std::string& text, const std::string& use, LintFinding* finding) {
  bool in_uses = false;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    in_uses = in_uses || absl::StartsWith(line, "uses");
    if (!in_uses) continue;
    for (size_t at = line.find(use); at != line.npos; at = line.find(use, at + 1)) {
      const auto is_word = [&](size_t i) {
        return i < line.size() && (absl::ascii_isalnum(static_cast<unsigned char>(line[i])) ||
                                   line[i] == '_' || line[i] == '.');
      };
      if ((at > 0 && is_word(at - 1)) || is_word(at + use.size())) continue;
      finding->line = number;
      finding->column = static_cast<int>(at) + 1;
      finding->characters = static_cast<int>(use.size());
      finding->excerpt = std::string(absl::StripTrailingAsciiWhitespace(line));
      return;
    }
  }
}

LintFinding FindingOf(const std::string& path, const std::string& text,
                      const chain::ServiceFile& file, const chain::BadUse& bad) {
  const sql::RuleInfo& rule =
      sql::InfoOf(bad.removed_by == 0 ? sql::Rule::kUnknownUse : sql::Rule::kRemovedUse);
  LintFinding finding{
      .rule = std::string(rule.id), .severity = rule.severity, .file = path, .object = bad.use};
  if (bad.removed_by == 0) {
    finding.message = absl::StrCat(file.service, " uses ", bad.use, ", which no migration makes");
    finding.hint = bad.suggestion.empty()
                       ? "write the table, or table.column, as the migrations make it"
                       : absl::StrCat("did you mean ", bad.suggestion, "?");
  } else {
    finding.message =
        absl::StrCat(file.service, " uses ", bad.use, " and is adapted to ", file.adapted_to,
                     ", but migration ", bad.removed_by, " takes it away");
    finding.hint = absl::StrCat("leave the line out, or say adapted_to: ", bad.removed_by - 1);
  }
  Place(text, bad.use, &finding);
  return finding;
}

}  // namespace

std::vector<std::string> ServiceFilesBeside(const std::string& migrations) {
  std::error_code error;
  const std::filesystem::path services =
      (std::filesystem::path(migrations) / ".." / "services").lexically_normal();
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(services, error)) {
    const std::filesystem::path file = entry.path() / "lockstep.yaml";
    if (std::filesystem::is_regular_file(file, error)) files.push_back(file.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

absl::Status LintServiceFiles(const std::string& migrations, const std::vector<std::string>& files,
                              const chain::LintSettings& settings, LintReport* report) {
  if (files.empty()) return absl::OkStatus();
  const absl::StatusOr<chain::Chain> local = LoadLocalChain(migrations);
  if (!local.ok() && !IsFileFinding(local.status())) return local.status();
  if (!local.ok()) {
    report->notes.push_back(
        absl::StrCat("what services use is not judged: ", local.status().message()));
    return absl::OkStatus();
  }
  for (const std::string& path : files) {
    ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, chain::kMaxServiceFileBytes));
    const absl::StatusOr<chain::ServiceFile> file = chain::ParseServiceFile(path, text);
    if (!file.ok()) {
      AddToReport(file.status(), text, report);
      continue;
    }
    sql::model::Database empty;
    empty.server_version = settings.postgres * 10000;
    for (const chain::BadUse& bad : chain::JudgeUses(*file, local->migrations, std::move(empty))) {
      report->findings.push_back(FindingOf(path, text, *file, bad));
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep::ctl
