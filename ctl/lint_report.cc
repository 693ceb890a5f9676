#include "ctl/lint_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

#include "ctl/errors.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {
namespace {

absl::string_view LineAt(absl::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  const size_t before = offset == 0 ? absl::string_view::npos : text.rfind('\n', offset - 1);
  const size_t begin = before == absl::string_view::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

size_t OffsetOfLine(absl::string_view text, int line) {
  size_t offset = 0;
  for (int i = 1; i < line; ++i) {
    const size_t end = text.find('\n', offset);
    if (end == absl::string_view::npos) return text.size();
    offset = end + 1;
  }
  return offset;
}

int CharactersOf(absl::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // Not a byte that continues one.
  }));
}

// The characters of a finding up to the end of its line. Without a size the word that is there.
int Extent(absl::string_view text, const sql::Finding& finding) {
  absl::string_view rest = text.substr(std::min(finding.offset, text.size()));
  rest = rest.substr(0, rest.find('\n'));
  if (finding.size > 0) return std::max(1, CharactersOf(rest.substr(0, finding.size)));
  size_t word = 0;
  while (word < rest.size() && (absl::ascii_isalnum(static_cast<unsigned char>(rest[word])) ||
                                rest[word] == '_' || rest[word] == '.')) {
    ++word;
  }
  return std::max(1, CharactersOf(rest.substr(0, word)));
}

// "migrations/1.sql" of "./migrations/1.sql": as annotations and editors want it.
std::string Plain(absl::string_view file) {
  while (absl::ConsumePrefix(&file, "./")) {
  }
  return std::string(file);
}

// `file` is a migration or a backfill.
template <typename File>
LintFinding Shown(const File& file, const sql::Finding& finding) {
  const sql::LineColumn place = sql::PositionOf(file.sql, finding.offset);
  const sql::RuleInfo& info = sql::InfoOf(finding.rule);
  return {.rule = std::string(info.id),
          .severity = finding.severity,
          .file = Plain(file.file),
          .line = place.line,
          .column = place.column,
          .characters = Extent(file.sql, finding),
          .excerpt = std::string(LineAt(file.sql, finding.offset)),
          .message = finding.message,
          .hint = finding.hint,
          .object = finding.object,
          .statement = finding.statement,
          .allowed = finding.allowed,
          .gate = info.gate,
          .refusal = finding.refusal,
          .blocks = finding.Blocks()};
}

}  // namespace

void AddToReport(const chain::Backfill& job, const std::vector<sql::Finding>& findings,
                 LintReport* report) {
  report->backfills.push_back(Plain(job.file));
  for (const sql::Finding& finding : findings) {
    report->findings.push_back(Shown(job, finding));
    report->findings.back().blocks = false;
  }
}

void AddToReport(const chain::Migration& migration, sql::FileAnalysis analysis,
                 LintReport* report) {
  for (const sql::Finding& finding : analysis.findings) {
    report->findings.push_back(Shown(migration, finding));
  }
  LintedFile file{.file = Plain(migration.file), .version = migration.version};
  for (const sql::Statement& statement : migration.statements) file.lines.push_back(statement.line);
  file.analysis = std::move(analysis);
  report->files.push_back(std::move(file));
}

void AddToReport(const absl::Status& refused, absl::string_view text, LintReport* report) {
  const base::ErrorInfo info = base::GetErrorInfo(refused).value_or(base::ErrorInfo{});
  LintFinding finding{.rule = absl::AsciiStrToLower(absl::StrReplaceAll(info.reason, {{"_", "-"}})),
                      .file = base::MetadataOf(refused, "file"),
                      .message = std::string(refused.message()),
                      .hint = HintOf(refused),
                      .refusal = true,
                      .blocks = true};
  const bool placed = absl::SimpleAtoi(base::MetadataOf(refused, "line"), &finding.line);
  if (!absl::SimpleAtoi(base::MetadataOf(refused, "column"), &finding.column)) finding.column = 1;
  if (placed) finding.excerpt = std::string(LineAt(text, OffsetOfLine(text, finding.line)));
  // The place is shown beside the message.
  absl::string_view message = finding.message;
  absl::ConsumePrefix(&message,
                      absl::StrCat(finding.file, ":", finding.line, ":", finding.column, ": "));
  absl::ConsumePrefix(&message, absl::StrCat(finding.file, ": "));
  finding.message = std::string(message);
  finding.file = Plain(finding.file);
  report->findings.push_back(std::move(finding));
}

std::optional<sql::Severity> WorstOf(const LintReport& report) {
  std::optional<sql::Severity> worst;
  for (const LintFinding& finding : report.findings) {
    if (!finding.allowed.empty()) continue;
    const sql::Severity counted = finding.gate && !finding.refusal
                                      ? std::min(finding.severity, sql::Severity::kWarning)
                                      : finding.severity;
    worst = std::max(worst.value_or(sql::Severity::kInfo), counted);
  }
  return worst;
}

}  // namespace lockstep::ctl
