#include "engine/sql/preamble.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

constexpr std::array<absl::string_view, 2> kMetaCommands = {"\\restrict", "\\unrestrict"};
constexpr absl::string_view kEmptySearchPath =
    "select pg_catalog . set_config ( 'search_path' , '' , false )";
// What pg_dump 10 to 18 sets before it creates anything.
constexpr std::array<absl::string_view, 15> kSettings = {
    "statement_timeout",           "lock_timeout",          "idle_in_transaction_session_timeout",
    "transaction_timeout",         "client_encoding",       "standard_conforming_strings",
    "escape_string_warning",       "check_function_bodies", "xmloption",
    "client_min_messages",         "row_security",          "default_tablespace",
    "default_table_access_method", "default_with_oids",     "default_toast_compression"};
constexpr absl::string_view kStays = "check_function_bodies";
// A longer statement at the top of a file is none of these.
constexpr size_t kMaxSettingBytes = 200;

bool IsComment(const Token& token) {
  return token.kind == TokenKind::kLineComment || token.kind == TokenKind::kBlockComment;
}

// True for a line that is nothing but `\restrict KEY`.
bool IsMetaCommand(absl::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty() || words.size() > 2) return false;
  if (std::find(kMetaCommands.begin(), kMetaCommands.end(), words[0]) == kMetaCommands.end()) {
    return false;
  }
  return words.size() == 1 || std::all_of(words[1].begin(), words[1].end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

// The lines for psql between statements.
std::vector<LeftOut> FindMetaCommands(absl::string_view text) {
  std::vector<LeftOut> found;
  if (!absl::StrContains(text, kMetaCommands[0]) && !absl::StrContains(text, kMetaCommands[1])) {
    return found;
  }
  bool between = true;  // No statement has begun.
  size_t skip_to = 0;
  for (const Token& token : Tokenize(text)) {
    if (token.offset < skip_to || IsComment(token)) continue;
    const bool line_start = token.offset == 0 || text[token.offset - 1] == '\n';
    const absl::string_view rest = text.substr(token.offset);
    const absl::string_view line = rest.substr(0, rest.find('\n'));
    if (between && line_start && IsMetaCommand(line)) {
      found.push_back({token.offset, line.size(), PositionOf(text, token.offset).line});
      skip_to = token.offset + line.size();
      continue;
    }
    between = TextOf(text, token) == ";";
  }
  return found;
}

bool IsOneOf(absl::string_view canonical, std::initializer_list<absl::string_view> choices) {
  return std::find(choices.begin(), choices.end(), canonical) != choices.end();
}

// Whether one of the statements that are looked for begins with `word`.
bool Begins(absl::string_view word) {
  return IsOneOf(word, {"set", "select", "begin", "start", "commit", "end", "rollback", "abort",
                        "savepoint", "release", "prepare"});
}

// The tokens of a short statement that begins so with single blanks between, words in lower case;
// "" for others.
std::string Canonical(absl::string_view statement) {
  if (statement.size() > kMaxSettingBytes) return "";
  std::string canonical;
  ForEachToken(statement, [&](const Token& token) {
    if (IsComment(token)) return true;
    std::string part(TextOf(statement, token));
    if (token.kind == TokenKind::kWord) absl::AsciiStrToLower(&part);
    if (canonical.empty() && !Begins(part)) return false;
    absl::StrAppend(&canonical, canonical.empty() ? "" : " ", part);
    return true;
  });
  return canonical;
}

// The name that `SET NAME = VALUE` sets, when it is one of pg_dump's; else "".
absl::string_view SettingOf(absl::string_view canonical) {
  for (const absl::string_view name : kSettings) {
    if (absl::StartsWith(canonical, absl::StrCat("set ", name, " = "))) return name;
  }
  return "";
}

// Takes pg_dump's settings off the front of `statements`.
std::vector<LeftOut> TakeSettings(absl::string_view text, std::vector<Statement>* statements) {
  std::vector<LeftOut> found;
  std::vector<Statement> kept;
  bool from_pg_dump = false;
  size_t next = 0;
  for (; next < statements->size(); ++next) {
    const Statement& statement = (*statements)[next];
    const std::string canonical = Canonical(TextOf(text, statement));
    const absl::string_view setting = SettingOf(canonical);
    if (canonical == kEmptySearchPath) {
      from_pg_dump = true;
    } else if (setting == kStays) {
      kept.push_back(statement);
      continue;
    } else if (setting.empty()) {
      break;
    }
    found.push_back({statement.offset, statement.size, statement.line});
  }
  if (!from_pg_dump) return {};
  kept.insert(kept.end(), statements->begin() + static_cast<std::ptrdiff_t>(next),
              statements->end());
  *statements = std::move(kept);
  return found;
}

bool IsTransactionControl(absl::string_view canonical) {
  const absl::string_view first = canonical.substr(0, canonical.find(' '));
  return IsOneOf(first, {"begin", "start", "commit", "end", "rollback", "abort", "savepoint",
                         "release"}) ||
         absl::StartsWith(canonical, "prepare transaction");
}

// Takes the one BEGIN and COMMIT off a file that wraps itself in a transaction. With options (an
// isolation level, AND CHAIN) or with more transaction control inside they mean something else, and
// stay to be refused.
std::vector<LeftOut> TakeWrapper(absl::string_view text, std::vector<Statement>* statements) {
  if (statements->size() < 2) return {};
  const Statement first = statements->front();
  const Statement last = statements->back();
  if (!IsOneOf(Canonical(TextOf(text, first)),
               {"begin", "begin transaction", "begin work", "start transaction"}) ||
      !IsOneOf(Canonical(TextOf(text, last)), {"commit", "commit transaction", "commit work", "end",
                                               "end transaction", "end work"})) {
    return {};
  }
  const bool more =
      std::any_of(statements->begin() + 1, statements->end() - 1, [&](const Statement& statement) {
        return IsTransactionControl(Canonical(TextOf(text, statement)));
      });
  if (more) return {};
  statements->erase(statements->end() - 1);
  statements->erase(statements->begin());
  return {{first.offset, first.size, first.line, LeftOutKind::kTransaction},
          {last.offset, last.size, last.line, LeftOutKind::kTransaction}};
}

}  // namespace

MigrationSplit SplitMigration(absl::string_view text) {
  MigrationSplit split = {.statements = {}, .left_out = FindMetaCommands(text), .tree = {}};
  SplitResult cut;
  if (split.left_out.empty()) {
    cut = SplitStatements(text);
  } else {
    // Blanks in place of what is left out keep every position.
    std::string blanked(text);
    for (const LeftOut& part : split.left_out)
      blanked.replace(part.offset, part.size, part.size, ' ');
    cut = SplitStatements(blanked);
  }
  split.statements = std::move(cut.statements);
  split.tree = std::move(cut.tree);
  for (const LeftOut& part : TakeSettings(text, &split.statements)) split.left_out.push_back(part);
  for (const LeftOut& part : TakeWrapper(text, &split.statements)) split.left_out.push_back(part);
  std::sort(split.left_out.begin(), split.left_out.end(),
            [](const LeftOut& a, const LeftOut& b) { return a.offset < b.offset; });
  return split;
}

std::string LinesOf(const std::vector<LeftOut>& left_out) {
  std::vector<std::pair<int, int>> ranges;
  for (const LeftOut& part : left_out) {
    if (!ranges.empty() && part.line <= ranges.back().second + 1) {
      ranges.back().second = part.line;
    } else {
      ranges.emplace_back(part.line, part.line);
    }
  }
  if (ranges.empty()) return "";
  const bool one = ranges.size() == 1 && ranges[0].first == ranges[0].second;
  std::string text = one ? "line " : "lines ";
  for (size_t i = 0; i < ranges.size(); ++i) {
    const char* const comma = i == 0 ? "" : i + 1 == ranges.size() ? " and " : ", ";
    absl::StrAppend(&text, comma, ranges[i].first);
    if (ranges[i].second > ranges[i].first) absl::StrAppend(&text, "-", ranges[i].second);
  }
  return text;
}

}  // namespace lockstep::sql
