// ls1: lockstep's own lexer, version 1. It knows just enough of PostgreSQL's lexical structure to
// tell where a token begins and ends, also in SQL that no parser of ours can read: quoted
// identifiers, '...' and E'...' strings (with '' and, for E, backslash escapes), U&, B, X and N
// prefixes, dollar quotes, nested block comments, line comments, numbers, identifiers, operators.
//
// A migration's digest is taken over these tokens, so what this file calls a token is frozen: a
// change needs a new version name (ls2) beside this one.
#ifndef LOCKSTEP_ENGINE_SQL_TOKENS_H_
#define LOCKSTEP_ENGINE_SQL_TOKENS_H_

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace lockstep::sql {

inline constexpr char kLexerName[] = "ls1";

// Stored nowhere; the numbers may change.
enum class TokenKind {
  kWord,
  kQuotedIdentifier,
  kString,
  kDollarString,
  kNumber,
  kParameter,
  kSymbol,
  kLineComment,
  kBlockComment
};

struct Token {
  TokenKind kind;
  size_t offset;  // In bytes from the start of the text.
  size_t size;    // In bytes, never 0.
};

// Cuts `text` into tokens, comments included, blanks left out. Never fails: an unterminated quote
// or comment reaches to the end of the text. Every byte that is not a blank (space, tab, \n, \r,
// \f, \v) belongs to exactly one token.
std::vector<Token> Tokenize(absl::string_view text);

// The same one by one, up to the first for which `visit` returns false: for whoever looks at the
// beginning of a text.
void ForEachToken(absl::string_view text, absl::FunctionRef<bool(const Token&)> visit);

inline absl::string_view TextOf(absl::string_view text, const Token& token) {
  return text.substr(token.offset, token.size);
}

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_TOKENS_H_
