#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"
#include "engine/chain/directives.h"
#include "engine/chain/source.h"
#include "engine/sql/analysis/words.h"
#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

constexpr std::array<absl::string_view, 4> kSections = {"prepare", "batch", "verify", "finish"};
constexpr absl::string_view kKnown =
    "after, table, key, batch, throttle, rate, ranges, window, pause-while, durable, reindex, "
    "dual-write, allow, section";
// Stored in every digest; do not change.
constexpr absl::string_view kUnitEnd = "\x1f";
constexpr absl::string_view kDirectiveEnd = "\x1e";

bool IsComment(const sql::Token& token) {
  return token.kind == sql::TokenKind::kLineComment || token.kind == sql::TokenKind::kBlockComment;
}

// Reads the directives at the top, one at a time, into `out`.
class Parser {
 public:
  Parser(const Source& source, Backfill* out) : source_(source), out_(*out) {}

  absl::Status Add(const DirectiveLine& line) {
    RETURN_IF_ERROR(CheckPlace(source_, line));
    if (line.name == "after") {
      if (out_.after != 0) return Bad(line, "is given twice");
      if (!ParseNumber(line.value, 1, kMaxVersion, &out_.after)) {
        return Bad(line, "must be the version after which the backfill runs");
      }
    } else if (line.name == "table") {
      if (!out_.table.empty()) return Bad(line, "is given twice");
      if (!IsDottedName(line.value, 2))
        return Bad(line, "must be a table, e.g. users or app.users");
      out_.table = line.value;
    } else if (line.name == "key") {
      if (!out_.key.empty()) return Bad(line, "is given twice");
      return AddKey(line);
    } else if (line.name == "batch") {
      if (out_.batch.has_value()) return Bad(line, "is given twice");
      int rows = 0;
      if (!ParseNumber(line.value, 1, kMaxBatchRows, &rows)) {
        return Bad(line, absl::StrCat("must be a number of rows from 1 to ", kMaxBatchRows));
      }
      out_.batch = rows;
    } else if (line.name == "throttle") {
      if (out_.throttle.has_value()) return Bad(line, "is given twice");
      absl::Duration pause;
      if (!ParseWait(line.value, &pause)) {
        return Bad(line, "must be whole milliseconds from 1ms to 24h, e.g. 500ms or 2s");
      }
      out_.throttle = pause;
    } else {
      return AddHow(line);
    }
    return absl::OkStatus();
  }

  absl::Status CheckComplete() const {
    if (out_.after == 0) return Missing("after", "the version after which it runs");
    if (out_.table.empty() && out_.key.empty()) return absl::OkStatus();
    if (out_.table.empty()) return Missing("table", "the table it walks");
    if (out_.key.empty()) return Missing("key", "the column whose ranges make the batches");
    return absl::OkStatus();
  }

 private:
  absl::Status AddKey(const DirectiveLine& line) {
    out_.key = line.value;
    for (absl::string_view column : absl::StrSplit(line.value, ',')) {
      column = absl::StripAsciiWhitespace(column);
      if (!IsDottedName(column, 1) || out_.keys.size() == kMaxBackfillKeys) {
        return Bad(line, absl::StrCat("must be one column, or up to ", kMaxBackfillKeys,
                                      " with commas between"));
      }
      out_.keys.emplace_back(column);
    }
    return absl::OkStatus();
  }

  // How it runs.
  absl::Status AddHow(const DirectiveLine& line) {
    if (line.name == "rate") {
      return AddNumber(line, "rows a second", kMaxBackfillRate, &out_.rate);
    }
    if (line.name == "ranges") return AddNumber(line, "ranges", kMaxBackfillRanges, &out_.ranges);
    if (line.name == "durable") return AddMark(line, &out_.durable);
    if (line.name == "reindex") return AddMark(line, &out_.reindex);
    if (line.name == "window") {
      if (!ParseWindow(line.value).has_value()) {
        return Bad(line, "must be two times of the day in UTC, e.g. 22:00-06:00");
      }
      return AddText(line, "", &out_.window);
    }
    if (line.name == "pause-while") {
      return AddText(line, "needs a query that returns true or false", &out_.pause_while);
    }
    if (line.name == "dual-write") {
      return AddText(line, "needs who writes the new rows", &out_.dual_write);
    }
    if (line.name == "allow") return ParseAllow(source_, line, &out_.allow);
    return UnknownDirective(source_, line, kKnown);
  }

  absl::Status AddNumber(const DirectiveLine& line, absl::string_view what, int most,
                         std::optional<int>* field) {
    if (field->has_value()) return Bad(line, "is given twice");
    int value = 0;
    if (!ParseNumber(line.value, 1, most, &value)) {
      return Bad(line, absl::StrCat("must be a number of ", what, " from 1 to ", most));
    }
    *field = value;
    return absl::OkStatus();
  }
  absl::Status AddMark(const DirectiveLine& line, bool* field) {
    if (*field) return Bad(line, "is given twice");
    if (!line.value.empty()) return Bad(line, "has no value");
    *field = true;
    return absl::OkStatus();
  }
  absl::Status AddText(const DirectiveLine& line, absl::string_view empty, std::string* field) {
    if (!field->empty()) return Bad(line, "is given twice");
    if (line.value.empty()) return Bad(line, empty);
    *field = line.value;
    return absl::OkStatus();
  }

  absl::Status Bad(const DirectiveLine& line, absl::string_view message) const {
    return BadDirective(source_, line, message);
  }
  absl::Status Missing(absl::string_view name, absl::string_view meaning) const {
    return ErrorAt(source_, 0, "BAD_DIRECTIVE",
                   absl::StrCat("a backfill needs lockstep:", name, ", ", meaning),
                   absl::StrCat("add a line `-- lockstep:", name, " VALUE` at the top"));
  }

  const Source& source_;
  Backfill& out_;
};

// Checks the sections: known, none twice, nothing before the first, a batch that has a statement.
absl::Status CheckSections(const Source& source, const std::vector<DirectiveLine>& sections,
                           const std::vector<sql::Statement>& statements) {
  std::array<bool, kSections.size()> seen = {};
  bool batch_has_statement = false;
  for (size_t i = 0; i < sections.size(); ++i) {
    const DirectiveLine& line = sections[i];
    if (!line.is_line) return BadDirective(source, line, "must be a `--` comment on its own line");
    const auto known = std::find(kSections.begin(), kSections.end(), line.value);
    if (known == kSections.end()) {
      return BadDirective(source, line, "must be one of prepare, batch, verify, finish");
    }
    bool& seen_before = seen[known - kSections.begin()];
    if (seen_before) return BadDirective(source, line, absl::StrCat(line.value, " is there twice"));
    seen_before = true;
    const size_t end = i + 1 < sections.size() ? sections[i + 1].offset : source.text.size();
    for (const sql::Statement& statement : statements) {
      if (statement.offset < line.offset || statement.offset >= end) continue;
      if (statement.offset + statement.size > end) {
        return ErrorAt(source, statement.offset, "BAD_DIRECTIVE",
                       "the statement reaches into the next section; end it with a semicolon");
      }
      batch_has_statement |= line.value == "batch";
    }
  }
  const size_t first = sections.empty() ? source.text.size() : sections[0].offset;
  if (!statements.empty() && statements[0].offset < first) {
    return ErrorAt(source, statements[0].offset, "BAD_DIRECTIVE",
                   "a statement before the first section",
                   "put a line `-- lockstep:section batch` before it");
  }
  if (batch_has_statement) return absl::OkStatus();
  return ErrorAt(source, source.text.size(), "BAD_DIRECTIVE",
                 "a backfill needs a section `batch` with a statement",
                 "add a line `-- lockstep:section batch` and the statement of one batch");
}

// Hands each statement to the list of its section; without section lines all are the batch.
void AssignStatements(const Source& source, const std::vector<DirectiveLine>& sections,
                      const std::vector<sql::Statement>& statements, Backfill* out) {
  for (const sql::Statement& statement : statements) {
    const absl::string_view section = SectionAt(sections, statement.offset);
    std::vector<std::string>* const list = section == "prepare"  ? &out->prepare
                                           : section == "verify" ? &out->verify
                                           : section == "finish" ? &out->finish
                                                                 : &out->batch_statements;
    list->emplace_back(sql::TextOf(source.text, statement));
  }
}

absl::Status CheckTransactionControl(const Source& source,
                                     const std::vector<sql::Statement>& statements) {
  for (const sql::Statement& statement : statements) {
    const auto part = sql::FactsOfWords(sql::TextOf(source.text, statement));
    if (!part.transaction_control) continue;
    return ErrorAt(source, statement.offset, "TRANSACTION_CONTROL",
                   absl::StrCat(part.summary, " is not allowed in a backfill"),
                   "remove it: lockstep runs each batch in a fenced transaction of its own");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Backfill> ReadBackfill(absl::string_view file, absl::string_view bytes) {
  absl::string_view name = BaseName(file);
  if (!absl::ConsumeSuffix(&name, ".sql") || !IsSnakeCase(name)) {
    return ErrorInFile(file, "BAD_FILE_NAME",
                       "a backfill's file must be named NAME.sql with a name in [a-z0-9_]");
  }
  ASSIGN_OR_RETURN(const Source source, ReadSource(file, bytes, kMaxMigrationBytes));
  Backfill backfill = {.name = std::string(name), .file = source.file, .sql = source.text};
  Parser parser(source, &backfill);
  std::vector<DirectiveLine> sections;
  for (const DirectiveLine& line : FindDirectives(source.text, sql::Tokenize(source.text))) {
    if (line.name == kSectionDirective) {
      sections.push_back(line);
    } else if (!sections.empty()) {
      return BadDirective(source, line, "must be at the top of the file, before the first section");
    } else {
      RETURN_IF_ERROR(parser.Add(line));
    }
  }
  RETURN_IF_ERROR(parser.CheckComplete());
  const std::vector<sql::Statement> statements = sql::SplitStatements(source.text).statements;
  if (!sections.empty() || !backfill.table.empty() || statements.empty()) {
    RETURN_IF_ERROR(CheckSections(source, sections, statements));
  }
  RETURN_IF_ERROR(CheckTransactionControl(source, statements));
  AssignStatements(source, sections, statements, &backfill);
  backfill.digest = BackfillDigestOf(source.text);
  return backfill;
}

std::optional<DailyWindow> ParseWindow(absl::string_view text) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  if (ends.size() != 2) return std::nullopt;
  std::array<int, 2> minutes = {};
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<absl::string_view> parts = absl::StrSplit(ends[i], ':');
    int hour = 0;
    int minute = 0;
    if (parts.size() != 2 || parts[0].size() != 2 || parts[1].size() != 2 ||
        !ParseNumber(parts[0], 0, 23, &hour) || !ParseNumber(parts[1], 0, 59, &minute)) {
      return std::nullopt;
    }
    minutes[i] = 60 * hour + minute;
  }
  if (minutes[0] == minutes[1]) return std::nullopt;
  return DailyWindow{minutes[0], minutes[1]};
}

std::string BackfillDigestOf(absl::string_view sql) {
  const std::vector<sql::Token> tokens = sql::Tokenize(sql);
  const std::vector<DirectiveLine> lines = FindDirectives(sql, tokens);
  base::Sha256 hash;
  const auto add = [&hash](const DirectiveLine& line) {
    hash.Update(line.name);
    hash.Update(kUnitEnd);
    hash.Update(line.value);
    hash.Update(kDirectiveEnd);
  };
  size_t next = 0;  // The first line that is not behind the current token.
  for (const sql::Token& token : tokens) {
    for (; next < lines.size() && lines[next].offset <= token.offset; ++next) {
      if (lines[next].name == kSectionDirective) add(lines[next]);
    }
    if (IsComment(token)) continue;
    hash.Update(sql::TextOf(sql, token));
    hash.Update(kUnitEnd);
  }
  for (const DirectiveLine& line : lines) {
    if (line.name != kSectionDirective && line.at_top && line.is_line) add(line);
  }
  return hash.Finish();
}

}  // namespace lockstep::chain
