// The splitter and the classifier on any bytes: statements are in order and inside of the text, no
// token is lost, and positions are right.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/base/status_macros.h"
#include "engine/sql/split.h"
#include "engine/sql/tokens.h"

namespace {

using ::lockstep::sql::SplitResult;
using ::lockstep::sql::Statement;
using ::lockstep::sql::Token;
using ::lockstep::sql::TokenKind;

void CheckStatements(absl::string_view text, const std::vector<Statement>& statements) {
  size_t at = 0;
  for (const Statement& statement : statements) {
    LOCKSTEP_CHECK(statement.size > 0);
    LOCKSTEP_CHECK(statement.offset >= at);
    LOCKSTEP_CHECK(statement.size <= text.size() - statement.offset);
    at = statement.offset + statement.size;
    const auto position = lockstep::sql::PositionOf(text, statement.offset);
    LOCKSTEP_CHECK(position.line == statement.line);
    LOCKSTEP_CHECK(position.column == statement.column);
  }
}

void CheckNothingLost(absl::string_view text, const std::vector<Statement>& statements) {
  for (const Token& token : lockstep::sql::Tokenize(text)) {
    if (token.kind == TokenKind::kLineComment || token.kind == TokenKind::kBlockComment) continue;
    if (TextOf(text, token) == ";") continue;
    bool found = false;
    for (const Statement& statement : statements) {
      found |= token.offset >= statement.offset && token.offset < statement.offset + statement.size;
    }
    LOCKSTEP_CHECK(found);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const SplitResult result = lockstep::sql::SplitStatements(text);
  LOCKSTEP_CHECK(result.parse_error_offset <= text.size());
  CheckStatements(text, result.statements);
  CheckNothingLost(text, result.statements);
  return 0;
}
