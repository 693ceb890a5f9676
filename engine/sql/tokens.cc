#include "engine/sql/tokens.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace lockstep::sql {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool IsNewline(char c) { return c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsTagByte(char c) { return IsWordStart(c) || IsDigit(c); }
bool IsWordByte(char c) { return IsTagByte(c) || c == '$'; }
bool IsOperatorByte(char c) {
  return c != '\0' && absl::string_view("~!@#^&|`?+-*/%<>=").find(c) != absl::string_view::npos;
}

class Lexer {
 public:
  explicit Lexer(absl::string_view text) : text_(text) {}

  // False at the end of the text.
  bool Take(Token* token) {
    SkipBlanks();
    if (pos_ >= text_.size()) return false;
    const size_t start = pos_;
    const TokenKind kind = Next();
    NoteForContinuation(kind);
    *token = {.kind = kind, .offset = start, .size = pos_ - start};
    return true;
  }

 private:
  // The byte `ahead` of the current one; NUL beyond the end.
  char At(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  void Advance(size_t bytes) { pos_ = std::min(pos_ + bytes, text_.size()); }

  void SkipBlanks() {
    while (pos_ < text_.size() && IsBlank(text_[pos_])) {
      newline_since_string_ |= IsNewline(text_[pos_]);
      ++pos_;
    }
  }

  // Consumes one token, at least one byte.
  TokenKind Next() {
    const char c = At();
    if (c == '-' && At(1) == '-') return LineComment();
    if (c == '/' && At(1) == '*') return BlockComment();
    if (c == '\'')
      return Quoted(TokenKind::kString, 1, continues_escapes_ && newline_since_string_);
    if (c == '"') return Quoted(TokenKind::kQuotedIdentifier, 1, false);
    if (c == '$') return Dollar();
    if (IsDigit(c) || (c == '.' && IsDigit(At(1)))) return Number();
    if (IsWordStart(c)) return WordOrPrefixedString();
    return Symbol();
  }

  TokenKind LineComment() {
    while (pos_ < text_.size() && !IsNewline(text_[pos_])) ++pos_;
    return TokenKind::kLineComment;
  }

  TokenKind BlockComment() {
    int depth = 0;
    while (pos_ < text_.size()) {
      if (At() == '/' && At(1) == '*') {
        ++depth;
        Advance(2);
      } else if (At() == '*' && At(1) == '/') {
        Advance(2);
        if (--depth == 0) break;
      } else {
        ++pos_;
      }
    }
    return TokenKind::kBlockComment;
  }

  // `prefix` counts the bytes up to and including the opening quote.
  TokenKind Quoted(TokenKind kind, size_t prefix, bool backslash_escapes) {
    const char quote = At(prefix - 1);
    escaped_ = backslash_escapes;
    Advance(prefix);
    while (pos_ < text_.size()) {
      const char c = At();
      if (c == '\\' && backslash_escapes) {
        Advance(2);
      } else if (c == quote && At(1) == quote) {
        Advance(2);
      } else {
        ++pos_;
        if (c == quote) break;
      }
    }
    return kind;
  }

  TokenKind Dollar() {
    if (IsDigit(At(1))) {
      ++pos_;
      while (IsDigit(At())) ++pos_;
      return TokenKind::kParameter;
    }
    size_t tag = 1;
    if (IsWordStart(At(tag))) {
      while (IsTagByte(At(tag))) ++tag;
    }
    if (At(tag) != '$') {
      ++pos_;
      return TokenKind::kSymbol;
    }
    const absl::string_view delimiter = text_.substr(pos_, tag + 1);
    const size_t close = text_.find(delimiter, pos_ + delimiter.size());
    pos_ = close == absl::string_view::npos ? text_.size() : close + delimiter.size();
    return TokenKind::kDollarString;
  }

  // Takes letters along (1e5, 0x1F, 1_000, and junk such as 1a) and one point, but not the two of
  // a range `1..9`.
  TokenKind Number() {
    const char marker = absl::ascii_tolower(static_cast<unsigned char>(At(1)));
    bool decimal = At() != '0' || (marker != 'x' && marker != 'o' && marker != 'b');
    bool point = false;
    while (pos_ < text_.size()) {
      const char c = At();
      if (c == '.' && decimal && !point && At(1) != '.') {
        point = true;
        ++pos_;
      } else if ((c == 'e' || c == 'E') && decimal && (At(1) == '+' || At(1) == '-') &&
                 IsDigit(At(2))) {
        decimal = false;
        Advance(2);
      } else if (IsDigit(c) || c == '_' || absl::ascii_isalpha(static_cast<unsigned char>(c))) {
        decimal = decimal && (IsDigit(c) || c == '_');
        ++pos_;
      } else {
        break;
      }
    }
    return TokenKind::kNumber;
  }

  TokenKind WordOrPrefixedString() {
    switch (At()) {
      case 'e':
      case 'E':
        if (At(1) == '\'') return Quoted(TokenKind::kString, 2, true);
        break;
      case 'b':
      case 'B':
      case 'x':
      case 'X':
      case 'n':
      case 'N':
        if (At(1) == '\'') return Quoted(TokenKind::kString, 2, false);
        break;
      case 'u':
      case 'U':
        if (At(1) == '&' && At(2) == '\'') return Quoted(TokenKind::kString, 3, false);
        if (At(1) == '&' && At(2) == '"') return Quoted(TokenKind::kQuotedIdentifier, 3, false);
        break;
      default:
        break;
    }
    while (pos_ < text_.size() && IsWordByte(text_[pos_])) ++pos_;
    return TokenKind::kWord;
  }

  TokenKind Symbol() {
    if (IsOperatorByte(At())) {
      Advance(OperatorSize());
    } else if ((At() == ':' && (At(1) == ':' || At(1) == '=')) || (At() == '.' && At(1) == '.')) {
      Advance(2);
    } else {
      ++pos_;
    }
    return TokenKind::kSymbol;
  }

  // PostgreSQL's rule: an operator ends before a comment; + and - at its end are tokens of their
  // own unless it has one of ~ ! @ # ^ & | ` ? % before them (so that `a=-1` is `a = -1`).
  size_t OperatorSize() const {
    size_t size = 0;
    while (IsOperatorByte(At(size))) {
      if (At(size) == '-' && At(size + 1) == '-') break;
      if (At(size) == '/' && At(size + 1) == '*') break;
      ++size;
    }
    const absl::string_view op = text_.substr(pos_, size);
    size_t kept = size;
    while (kept > 1 && (op[kept - 1] == '+' || op[kept - 1] == '-')) --kept;
    if (kept < size && op.substr(0, size - 1).find_first_of("~!@#^&|`?%") == op.npos) return kept;
    return size;
  }

  // A string may go on after a line break ('a'\n'b' is 'ab'), and the part after the break obeys
  // backslashes when the first part did. Line comments may stand between, block comments may not.
  void NoteForContinuation(TokenKind kind) {
    if (kind == TokenKind::kLineComment) return;
    continues_escapes_ = kind == TokenKind::kString && escaped_;
    newline_since_string_ = false;
  }

  const absl::string_view text_;
  size_t pos_ = 0;
  bool escaped_ = false;            // Whether the last quoted token obeyed backslashes.
  bool continues_escapes_ = false;  // Whether a string that goes on now would obey them.
  bool newline_since_string_ = false;
};

}  // namespace

std::vector<Token> Tokenize(absl::string_view text) {
  std::vector<Token> tokens;
  Lexer lexer(text);
  for (Token token; lexer.Take(&token);) tokens.push_back(token);
  return tokens;
}

void ForEachToken(absl::string_view text, absl::FunctionRef<bool(const Token&)> visit) {
  Lexer lexer(text);
  for (Token token; lexer.Take(&token);) {
    if (!visit(token)) return;
  }
}

}  // namespace lockstep::sql
