// Cuts a file into statements where PostgreSQL itself would: libpg_query's parser first; its
// scanner when the parser refuses the text (newer syntax than its grammar); our own lexer when the
// scanner refuses it too. Knows BEGIN ATOMIC bodies (also where only the scanner reads, which cuts
// inside of them), dollar quotes and DO blocks, and a last statement without a semicolon. However
// broken the text, every token that is no comment and no semicolon is part of a statement.
//
// Safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_SQL_SPLIT_H_
#define LOCKSTEP_ENGINE_SQL_SPLIT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/tree.h"

namespace lockstep::sql {

enum class SplitMethod { kParser, kScanner, kLexer };

struct Statement {
  size_t offset;  // First byte of the first token (leading blanks and comments are left out).
  size_t size;    // In bytes, to the end of the last token, without the semicolon; never 0.
  int line;       // 1-based line of the first token.
  int column;     // 1-based column of it, in characters.
};

struct SplitResult {
  std::vector<Statement> statements;  // In order; empty for an empty or comment-only text.
  SplitMethod method = SplitMethod::kParser;
  // What the parser made of the whole text, for whoever looks into the statements; !ok() when it
  // refused, and for a long text.
  Tree tree;
  // Why the parser refused, and where (byte offset); empty when it did not. A refusal is no error:
  // the server is the judge.
  std::string parse_error;
  size_t parse_error_offset = 0;
};

SplitResult SplitStatements(absl::string_view text);

inline absl::string_view TextOf(absl::string_view text, const Statement& statement) {
  return text.substr(statement.offset, statement.size);
}

// Returns the 1-based line and column (in characters, UTF-8) of byte `offset` of `text`.
struct LineColumn {
  int line;
  int column;
};
LineColumn PositionOf(absl::string_view text, size_t offset);

// Returns the byte offset in `text` of the 1-based character `position` as PostgreSQL reports error
// positions; the end of the text when it lies beyond.
size_t ByteOffsetOfCharacter(absl::string_view text, int position);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_SPLIT_H_
