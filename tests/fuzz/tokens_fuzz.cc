// The lexer on any bytes: tokens cover every byte that is no blank, in order and without overlap;
// a digest does not depend on what is no token.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"
#include "engine/sql/tokens.h"

namespace {

using ::lockstep::chain::DigestOf;
using ::lockstep::sql::Token;
using ::lockstep::sql::Tokenize;

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

void CheckCover(absl::string_view text, const std::vector<Token>& tokens) {
  size_t at = 0;
  for (const Token& token : tokens) {
    LOCKSTEP_CHECK(token.size > 0);
    LOCKSTEP_CHECK(token.offset >= at);
    LOCKSTEP_CHECK(token.size <= text.size() - token.offset);
    for (; at < token.offset; ++at) LOCKSTEP_CHECK(IsBlank(text[at]));
    LOCKSTEP_CHECK(!IsBlank(text[at]));
    at += token.size;
  }
  for (; at < text.size(); ++at) LOCKSTEP_CHECK(IsBlank(text[at]));
}

// A comment on a line of its own at the end counts for nothing, unless the text ends in an open
// quote or comment, which then swallows it: such a text has no token more with it than without.
void CheckDigest(absl::string_view text, size_t tokens) {
  const std::string digest = DigestOf(text);
  LOCKSTEP_CHECK(digest.size() == 32);
  const std::string longer = absl::StrCat(text, "\n-- the end");
  if (Tokenize(longer).size() == tokens + 1) LOCKSTEP_CHECK(DigestOf(longer) == digest);
  const std::string later = absl::StrCat("-- the start\n", text);
  LOCKSTEP_CHECK(DigestOf(later) == digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<Token> tokens = Tokenize(text);
  CheckCover(text, tokens);
  CheckDigest(text, tokens.size());
  return 0;
}
