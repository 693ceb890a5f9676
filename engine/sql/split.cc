#include "engine/sql/split.h"

#include <algorithm>
#include <map>
#include <optional>
#include <pg_query.h>

#include "absl/strings/ascii.h"

#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// Counts lines and columns forward, so that positions of many statements cost one pass.
class PositionCounter {
 public:
  explicit PositionCounter(absl::string_view text) : text_(text) {}

  // `offset` must not be less than at the call before.
  LineColumn At(size_t offset) {
    for (; pos_ < std::min(offset, text_.size()); ++pos_) {
      if (text_[pos_] == '\n') {
        position_ = {.line = position_.line + 1, .column = 1};
      } else if (pos_ + 1 >= text_.size() || StartsCharacter(text_[pos_ + 1])) {
        ++position_.column;
      }
    }
    return position_;
  }

 private:
  const absl::string_view text_;
  size_t pos_ = 0;
  LineColumn position_ = {.line = 1, .column = 1};
};

bool IsComment(const Token& token) {
  return token.kind == TokenKind::kLineComment || token.kind == TokenKind::kBlockComment;
}

struct Range {
  size_t begin;
  size_t end;
};

enum class Semicolon { kEndsStatement, kInsideParentheses, kInsideAtomicBody };

// Walks the tokens of a text and says of each semicolon what it does. Used where PostgreSQL's
// grammar cannot be: it knows parentheses (CREATE RULE ... DO (a; b)) and BEGIN ATOMIC bodies.
class SemicolonFinder {
 public:
  explicit SemicolonFinder(absl::string_view text) : text_(text) {}

  // Returns byte offset -> meaning.
  std::map<size_t, Semicolon> Run(const std::vector<Token>& tokens) {
    std::map<size_t, Semicolon> found;
    for (const Token& token : tokens) {
      if (IsComment(token)) continue;
      const absl::string_view token_text = TextOf(text_, token);
      if (token_text == ";") {
        found[token.offset] = OnSemicolon();
      } else if (token.kind == TokenKind::kWord) {
        OnWord(absl::AsciiStrToLower(token_text));
      } else {
        if (token_text == "(") ++parentheses_;
        if (token_text == ")") parentheses_ = std::max(0, parentheses_ - 1);
        previous_ = std::string(token_text.substr(0, 1));
      }
    }
    return found;
  }

 private:
  Semicolon OnSemicolon() {
    previous_ = ";";
    if (body_depth_ > 0) return Semicolon::kInsideAtomicBody;
    if (parentheses_ > 0) return Semicolon::kInsideParentheses;
    heading_.clear();
    return Semicolon::kEndsStatement;
  }

  void OnWord(std::string word) {
    // `AS end` and `t.end` are names, not keywords.
    const bool is_name = previous_ == "as" || previous_ == ".";
    if (heading_.size() < 4) heading_.push_back(word);
    if (body_depth_ == 0) {
      if (previous_ == "begin" && word == "atomic" && IsRoutine()) body_depth_ = 1;
    } else if (!is_name && word == "case") {
      ++body_depth_;
    } else if (!is_name && word == "end") {
      --body_depth_;
    }
    previous_ = std::move(word);
  }

  // Whether the statement's first words are CREATE [OR REPLACE] FUNCTION or PROCEDURE.
  bool IsRoutine() const {
    if (heading_.empty() || heading_[0] != "create") return false;
    const size_t kind = heading_.size() > 2 && heading_[1] == "or" ? 3 : 1;
    return heading_.size() > kind &&
           (heading_[kind] == "function" || heading_[kind] == "procedure");
  }

  const absl::string_view text_;
  std::vector<std::string> heading_;  // The statement's first words, in lower case.
  std::string previous_;              // The token before, in lower case; its first byte if no word.
  int parentheses_ = 0;
  int body_depth_ = 0;  // 1 in BEGIN ATOMIC ... END, more in CASE ... END within.
};

// Runs one of libpg_query's two splitters. Absent when it refuses; then `error` and `error_offset`
// say why.
std::optional<std::vector<Range>> Ask(PgQuerySplitResult (*splitter)(const char*),
                                      absl::string_view text, std::string* error,
                                      size_t* error_offset) {
  const std::string terminated(text);
  const PgQuerySplitResult result = splitter(terminated.c_str());
  std::optional<std::vector<Range>> ranges;
  if (result.error != nullptr) {
    *error = result.error->message == nullptr ? "refused" : result.error->message;
    *error_offset = ByteOffsetOfCharacter(text, result.error->cursorpos);
  } else {
    ranges.emplace();
    for (int i = 0; i < result.n_stmts; ++i) {
      const size_t begin = std::min<size_t>(result.stmts[i]->stmt_location, text.size());
      const size_t size = result.stmts[i]->stmt_len;  // 0 stands for the rest of the text.
      ranges->push_back({begin, size == 0 ? text.size() : std::min(begin + size, text.size())});
    }
  }
  pg_query_free_split_result(result);
  return ranges;
}

// Where the statements of `tree` are in its text.
std::vector<Range> RangesOf(const Tree& tree, size_t text_size) {
  std::vector<Range> ranges;
  for (const Node statement : tree.statements()) {
    const size_t begin =
        std::min(static_cast<size_t>(statement["stmt_location"].number()), text_size);
    const size_t size = static_cast<size_t>(statement["stmt_len"].number());
    ranges.push_back({begin, size == 0 ? text_size : std::min(begin + size, text_size)});
  }
  return ranges;
}

// Asks PostgreSQL's grammar, for the tree as well where that is not too large.
std::optional<std::vector<Range>> AskParser(absl::string_view text, size_t tokens,
                                            SplitResult* result) {
  if (tokens > kMaxTokensToParse) {
    return Ask(pg_query_split_with_parser, text, &result->parse_error, &result->parse_error_offset);
  }
  ParseError error;
  result->tree = Tree::ParseText(text, &error);
  if (result->tree.ok()) return RangesOf(result->tree, text.size());
  result->parse_error = error.message.empty() ? "refused" : error.message;
  result->parse_error_offset = error.offset;
  return std::nullopt;
}

// The scanner cuts at every semicolon outside parentheses, so also within BEGIN ATOMIC bodies.
std::vector<Range> JoinAtomicBodies(const std::vector<Range>& pieces,
                                    const std::map<size_t, Semicolon>& semicolons) {
  std::vector<Range> joined;
  bool open = false;
  for (const Range& piece : pieces) {
    if (open) {
      joined.back().end = piece.end;
    } else {
      joined.push_back(piece);
    }
    const auto it = semicolons.find(piece.end);
    open = it != semicolons.end() && it->second == Semicolon::kInsideAtomicBody;
  }
  return joined;
}

std::vector<Range> CutAt(const std::map<size_t, Semicolon>& semicolons, size_t text_size) {
  std::vector<Range> ranges;
  size_t begin = 0;
  for (const auto& [offset, meaning] : semicolons) {
    if (meaning != Semicolon::kEndsStatement) continue;
    ranges.push_back({begin, offset});
    begin = offset + 1;
  }
  ranges.push_back({begin, text_size});
  return ranges;
}

// Narrows each range to its first and last token that is no comment, and drops those without one.
std::vector<Statement> TrimToTokens(absl::string_view text, const std::vector<Range>& ranges,
                                    const std::vector<Token>& tokens) {
  std::vector<Statement> statements;
  PositionCounter positions(text);
  size_t next = 0;
  for (const Range& range : ranges) {
    size_t begin = range.end;
    size_t end = range.begin;
    while (next < tokens.size() && tokens[next].offset + tokens[next].size <= range.begin) ++next;
    for (; next < tokens.size() && tokens[next].offset < range.end; ++next) {
      const Token& token = tokens[next];
      if (IsComment(token)) continue;
      begin = std::min(begin, std::max(token.offset, range.begin));
      end = std::min(token.offset + token.size, range.end);
      if (token.offset + token.size > range.end) break;
    }
    if (begin >= end) continue;
    const LineColumn position = positions.At(begin);
    statements.push_back(
        {.offset = begin, .size = end - begin, .line = position.line, .column = position.column});
  }
  return statements;
}

// Whether every token that is neither a comment nor a semicolon belongs to a statement.
// libpg_query's scanner drops what follows an unbalanced parenthesis or a backslash, without an
// error; a migration would then count as applied although a part of it never ran.
bool NothingIsLost(absl::string_view text, const std::vector<Statement>& statements,
                   const std::vector<Token>& tokens) {
  size_t next = 0;
  for (const Token& token : tokens) {
    if (IsComment(token) || TextOf(text, token) == ";") continue;
    while (next < statements.size() &&
           statements[next].offset + statements[next].size <= token.offset) {
      ++next;
    }
    if (next == statements.size() || token.offset < statements[next].offset) return false;
  }
  return true;
}

}  // namespace

SplitResult SplitStatements(absl::string_view text) {
  const std::vector<Token> tokens = Tokenize(text);
  SplitResult result;
  // A C string ends at a NUL, so libpg_query would not see what follows.
  const size_t nul = text.find('\0');
  if (nul == absl::string_view::npos) {
    const auto ranges = AskParser(text, tokens.size(), &result);
    if (ranges.has_value()) {
      result.method = SplitMethod::kParser;
      result.statements = TrimToTokens(text, *ranges, tokens);
      if (NothingIsLost(text, result.statements, tokens)) return result;
      result.tree = Tree();
    }
  } else {
    result.parse_error = "the text contains a NUL byte";
    result.parse_error_offset = nul;
  }
  const std::map<size_t, Semicolon> semicolons = SemicolonFinder(text).Run(tokens);
  if (nul == absl::string_view::npos) {
    std::string ignored_error;
    size_t ignored_offset = 0;
    const auto pieces = Ask(pg_query_split_with_scanner, text, &ignored_error, &ignored_offset);
    if (pieces.has_value()) {
      result.method = SplitMethod::kScanner;
      result.statements = TrimToTokens(text, JoinAtomicBodies(*pieces, semicolons), tokens);
      if (NothingIsLost(text, result.statements, tokens)) return result;
    }
  }
  result.method = SplitMethod::kLexer;
  result.statements = TrimToTokens(text, CutAt(semicolons, text.size()), tokens);
  return result;
}

LineColumn PositionOf(absl::string_view text, size_t offset) {
  return PositionCounter(text).At(offset);
}

size_t ByteOffsetOfCharacter(absl::string_view text, int position) {
  int seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (StartsCharacter(text[i]) && ++seen >= position) return i;
  }
  return text.size();
}

}  // namespace lockstep::sql
