#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/file_rules.h"
#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

// NAMEDATALEN - 1.
constexpr size_t kMaxIdentifierBytes = 63;

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || c == '_' || c == '$' || byte >= 0x80;
}

// Whether the text may hold what the rules are about: most files end here, at the price of one look
// at each byte.
bool IsSuspicious(absl::string_view text) {
  size_t run = 0;     // Of bytes that a word may consist of.
  size_t quoted = 0;  // Bytes since the last double quote.
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') return true;
    if (c == ':' && i + 1 < text.size() && text[i + 1] != ':' && text[i + 1] != '=' &&
        (i == 0 || text[i - 1] != ':')) {
      return true;
    }
    run = IsWordByte(c) ? run + 1 : 0;
    if (run > kMaxIdentifierBytes) return true;
    if (c == '"' && std::exchange(quoted, 0) > kMaxIdentifierBytes) return true;
    ++quoted;
  }
  return false;
}

// How many bytes PostgreSQL counts of an identifier.
size_t BytesOf(absl::string_view identifier) {
  if (identifier.empty() || identifier[0] != '"') return identifier.size();
  size_t bytes = identifier.size() - 1;
  if (identifier.size() > 1 && identifier.back() == '"') --bytes;
  for (size_t i = 1; i + 2 < identifier.size(); ++i) {
    if (identifier[i] == '"' && identifier[i + 1] == '"') {
      --bytes;
      ++i;
    }
  }
  return bytes;
}

class TextRules {
 public:
  TextRules(absl::string_view text, std::vector<Finding>* findings)
      : text_(text), findings_(*findings) {}

  void Check(int number, const Statement& statement) {
    const absl::string_view text = TextOf(text_, statement);
    if (!IsSuspicious(text)) return;
    statement_ = number;
    const std::vector<Token> tokens = Tokenize(text);
    int brackets = 0;  // In a slice, as in a[1:n], a colon is SQL.
    bool psql = false;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const absl::string_view part = TextOf(text, tokens[i]);
      const size_t offset = statement.offset + tokens[i].offset;
      if (tokens[i].kind == TokenKind::kSymbol) {
        brackets += part == "[" ? 1 : part == "]" ? -1 : 0;
        if (psql) continue;
        if (part[0] == '\\') {
          psql = ReportCommand(offset);
        } else if (part == ":" && brackets <= 0 && IsVariable(text, tokens, i)) {
          psql = ReportVariable(offset);
        }
      } else if (tokens[i].kind == TokenKind::kWord ||
                 tokens[i].kind == TokenKind::kQuotedIdentifier) {
        CheckLength(part, offset);
      }
    }
  }

 private:
  // :name, :'name', :"name" - nothing in between, and no cast before.
  static bool IsVariable(absl::string_view text, const std::vector<Token>& tokens, size_t colon) {
    if (colon + 1 == tokens.size()) return false;
    const Token& next = tokens[colon + 1];
    if (next.offset != tokens[colon].offset + 1) return false;
    if (colon > 0 && TextOf(text, tokens[colon - 1]) == ":" &&
        tokens[colon - 1].offset + 1 == tokens[colon].offset) {
      return false;
    }
    return next.kind == TokenKind::kWord || next.kind == TokenKind::kQuotedIdentifier ||
           (next.kind == TokenKind::kString && text[next.offset] == '\'');
  }

  bool ReportCommand(size_t offset) {
    const absl::string_view line =
        text_.substr(offset, text_.find_first_of(" \t\r\n", offset) - offset);
    Add(Rule::kPsqlMetaCommand, offset, line.size(),
        absl::StrCat(line, " is a command of psql, not SQL"), true)
        .hint = "leave it out: a migration is SQL that the server reads";
    return true;
  }

  bool ReportVariable(size_t offset) {
    Add(Rule::kPsqlMetaCommand, offset, 0,
        "a variable of psql is not SQL: nothing puts its value there", true)
        .hint = "write the value itself";
    return true;
  }

  void CheckLength(absl::string_view part, size_t offset) {
    if (part.size() <= kMaxIdentifierBytes) return;
    const size_t bytes = BytesOf(part);
    if (bytes <= kMaxIdentifierBytes || !seen_.insert(std::string(part)).second) return;
    Add(Rule::kIdentifierTooLong, offset, part.size(),
        absl::StrCat("an identifier of ", bytes, " bytes is cut to ", kMaxIdentifierBytes,
                     " without an error: ", part.substr(0, kMaxIdentifierBytes), "..."),
        false)
        .hint = "choose a shorter name";
  }

  Finding& Add(Rule rule, size_t offset, size_t size, std::string message, bool refusal) {
    findings_.push_back({.rule = rule,
                         .severity = InfoOf(rule).severity,
                         .offset = offset,
                         .size = size,
                         .statement = statement_,
                         .message = std::move(message),
                         .refusal = refusal});
    return findings_.back();
  }

  absl::string_view text_;
  std::vector<Finding>& findings_;
  int statement_ = -1;
  std::set<std::string> seen_;
};

}  // namespace

void CheckText(const FileInput& input, FileAnalysis* analysis) {
  TextRules rules(input.text, &analysis->findings);
  for (size_t i = 0; i < input.statements.size(); ++i) {
    rules.Check(static_cast<int>(i), input.statements[i]);
  }
}

}  // namespace lockstep::sql
