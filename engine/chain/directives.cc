#include "engine/chain/directives.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/base/status_macros.h"

namespace lockstep::chain {
namespace {

constexpr absl::string_view kPrefix = "lockstep:";
constexpr absl::string_view kKnown =
    "phase, transaction, needs-backfill, after-contract, allow, lock-timeout, statement-timeout, "
    "min-postgres, assert";
constexpr int kOldestPostgres = 10;
constexpr int kNewestPostgres = 99;

// Cuts "NAME VALUE" at the first blank.
std::pair<absl::string_view, absl::string_view> CutAtBlank(absl::string_view text) {
  const size_t blank = text.find_first_of(" \t");
  if (blank == absl::string_view::npos) return {text, ""};
  return {text.substr(0, blank), absl::StripAsciiWhitespace(text.substr(blank))};
}

std::optional<DirectiveLine> ReadDirective(absl::string_view text, const sql::Token& token) {
  absl::string_view body = sql::TextOf(text, token).substr(2);
  const bool is_line = token.kind == sql::TokenKind::kLineComment;
  if (!is_line) absl::ConsumeSuffix(&body, "*/");
  body = absl::StripAsciiWhitespace(body);
  // In any case, so that `-- Lockstep:phase` is refused rather than overlooked.
  if (!absl::StartsWithIgnoreCase(body, kPrefix)) return std::nullopt;
  const auto [name, value] = CutAtBlank(body.substr(kPrefix.size()));
  DirectiveLine line = {.name = std::string(name),
                        .value = std::string(value),
                        .offset = token.offset,
                        .at_top = true,
                        .is_line = is_line};
  if (!absl::StartsWith(body, kPrefix)) {
    line.name = absl::StrCat(body.substr(0, kPrefix.size()), name);
  }
  return line;
}

bool HasControlCharacter(absl::string_view text) {
  for (const char c : text) {
    if (c != '\t' && absl::ascii_iscntrl(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

bool IsRuleName(absl::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

// Reads one directive of a migration at a time into `out`.
class Parser {
 public:
  Parser(const Source& source, Version version, Directives* out)
      : source_(source), version_(version), out_(*out) {}

  absl::Status Add(const DirectiveLine& line) {
    if (line.name == "phase") return AddPhase(line);
    if (line.name == "transaction") return AddTransaction(line);
    if (line.name == "needs-backfill") return AddNeedsBackfill(line);
    if (line.name == "after-contract") return AddAfterContract(line);
    if (line.name == "allow") return AddAllow(line);
    if (line.name == "lock-timeout") return AddWait(line, &out_.lock_timeout);
    if (line.name == "statement-timeout") return AddWait(line, &out_.statement_timeout);
    if (line.name == "min-postgres") return AddMinPostgres(line);
    if (line.name == "assert") return AddAssert(line);
    return UnknownDirective(source_, line, kKnown);
  }

 private:
  absl::Status Bad(const DirectiveLine& line, absl::string_view message) const {
    return BadDirective(source_, line, message);
  }
  absl::Status Twice(const DirectiveLine& line) const { return Bad(line, "is given twice"); }

  absl::Status AddPhase(const DirectiveLine& line) {
    if (out_.phase.has_value()) return Twice(line);
    sql::Phase phase;
    if (!sql::ParsePhase(line.value, &phase)) {
      return Bad(line, "must be one of neutral, data, expand, contract");
    }
    out_.phase = phase;
    return absl::OkStatus();
  }

  absl::Status AddTransaction(const DirectiveLine& line) {
    if (out_.transaction_none) return Twice(line);
    if (line.value != "none") return Bad(line, "must be `none`; a transaction is the default");
    out_.transaction_none = true;
    return absl::OkStatus();
  }

  absl::Status AddNeedsBackfill(const DirectiveLine& line) {
    if (!IsSnakeCase(line.value)) {
      return Bad(line, "must name a backfill: its file name without .sql, in [a-z0-9_]");
    }
    out_.needs_backfill.push_back(line.value);
    return absl::OkStatus();
  }

  absl::Status AddAfterContract(const DirectiveLine& line) {
    int version = 0;
    if (!ParseNumber(line.value, 1, kMaxVersion, &version)) {
      return Bad(line, "must be the version of an earlier contract");
    }
    if (version >= version_) {
      return Bad(line, absl::StrCat("must name an earlier version than ", version_));
    }
    out_.after_contract.push_back(version);
    return absl::OkStatus();
  }

  absl::Status AddAllow(const DirectiveLine& line) {
    return ParseAllow(source_, line, &out_.allow);
  }

  absl::Status AddWait(const DirectiveLine& line, std::optional<absl::Duration>* field) {
    if (field->has_value()) return Twice(line);
    absl::Duration wait;
    if (!ParseWait(line.value, &wait)) {
      return Bad(line, "must be whole milliseconds from 1ms to 24h, e.g. 500ms or 2s");
    }
    *field = wait;
    return absl::OkStatus();
  }

  absl::Status AddMinPostgres(const DirectiveLine& line) {
    if (out_.min_postgres.has_value()) return Twice(line);
    int major = 0;
    if (!ParseNumber(line.value, kOldestPostgres, kNewestPostgres, &major)) {
      return Bad(line, "must be a major version of PostgreSQL, e.g. 16");
    }
    out_.min_postgres = major;
    return absl::OkStatus();
  }

  absl::Status AddAssert(const DirectiveLine& line) {
    if (line.value.empty()) return Bad(line, "needs a query that returns true");
    out_.asserts.push_back(line.value);
    return absl::OkStatus();
  }

  const Source& source_;
  const Version version_;
  Directives& out_;
};

}  // namespace

std::vector<DirectiveLine> FindDirectives(absl::string_view text,
                                          const std::vector<sql::Token>& tokens) {
  std::vector<DirectiveLine> lines;
  bool at_top = true;
  for (const sql::Token& token : tokens) {
    if (token.kind != sql::TokenKind::kLineComment && token.kind != sql::TokenKind::kBlockComment) {
      at_top = false;
      continue;
    }
    std::optional<DirectiveLine> line = ReadDirective(text, token);
    if (!line.has_value()) continue;
    line->at_top = at_top;
    lines.push_back(*std::move(line));
  }
  return lines;
}

absl::StatusOr<Directives> ParseDirectives(const Source& source,
                                           const std::vector<DirectiveLine>& lines,
                                           Version version) {
  Directives directives;
  Parser parser(source, version, &directives);
  for (const DirectiveLine& line : lines) {
    RETURN_IF_ERROR(CheckPlace(source, line));
    RETURN_IF_ERROR(parser.Add(line));
  }
  return directives;
}

absl::Status CheckPlace(const Source& source, const DirectiveLine& line) {
  if (!line.is_line) return BadDirective(source, line, "must be a `--` comment on its own line");
  if (!line.at_top) {
    return BadDirective(source, line, "must be at the top of the file, before the first statement");
  }
  if (HasControlCharacter(line.value)) {
    return BadDirective(source, line, "must not hold control characters");
  }
  return absl::OkStatus();
}

absl::Status BadDirective(const Source& source, const DirectiveLine& line,
                          absl::string_view message) {
  return ErrorAt(source, line.offset, "BAD_DIRECTIVE",
                 absl::StrCat("lockstep:", line.name, " ", message));
}

absl::Status UnknownDirective(const Source& source, const DirectiveLine& line,
                              absl::string_view known) {
  return ErrorAt(source, line.offset, "UNKNOWN_DIRECTIVE",
                 absl::StrCat("unknown directive \"", line.name, "\""),
                 absl::StrCat("write `-- lockstep:NAME VALUE` with one of ", known));
}

absl::Status ParseAllow(const Source& source, const DirectiveLine& line,
                        std::vector<Directives::Allow>* allow) {
  const auto [rule, reason] = CutAtBlank(line.value);
  if (!IsRuleName(rule)) {
    return BadDirective(source, line, "must be a rule in [a-z0-9-] and a reason");
  }
  if (reason.empty()) return BadDirective(source, line, "needs a reason after the rule");
  allow->push_back(
      {.rule = std::string(rule), .reason = std::string(reason), .offset = line.offset});
  return absl::OkStatus();
}

absl::string_view SectionAt(const std::vector<DirectiveLine>& lines, size_t offset) {
  absl::string_view section = "batch";
  for (const DirectiveLine& line : lines) {
    if (line.name == kSectionDirective && line.offset < offset) section = line.value;
  }
  return section;
}

bool ParseWait(absl::string_view text, absl::Duration* wait) {
  // ParseDuration also takes signs, "0" and "inf"; the range keeps these out.
  return absl::ParseDuration(text, wait) && *wait >= absl::Milliseconds(1) &&
         *wait <= absl::Hours(24) && absl::Trunc(*wait, absl::Milliseconds(1)) == *wait;
}

}  // namespace lockstep::chain
