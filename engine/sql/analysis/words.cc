#include "engine/sql/analysis/words.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/tokens.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {
namespace {

constexpr size_t kMaxSummaryBytes = 80;

bool IsComment(const Token& token) {
  return token.kind == TokenKind::kLineComment || token.kind == TokenKind::kBlockComment;
}

std::vector<Token> TokensWithoutComments(absl::string_view text) {
  std::vector<Token> tokens = Tokenize(text);
  std::erase_if(tokens, IsComment);
  return tokens;
}

// The statement up to its first parenthesis, literal or AS, on one line: enough to recognise it in
// a plan. Literals stay out because one of them may be a password.
std::string Summarize(absl::string_view text) {
  std::string summary;
  bool glue = true;  // No blank before the next token.
  ForEachToken(text, [&](const Token& token) {
    if (IsComment(token)) return true;
    const absl::string_view part = TextOf(text, token);
    if (token.kind == TokenKind::kString || token.kind == TokenKind::kDollarString) return false;
    if (part == "(" || absl::EqualsIgnoreCase(part, "as")) return false;
    const bool tight = part == "." || part == "," || part == ";" || part == "::";
    if (!glue && !tight) summary += ' ';
    absl::StrAppend(&summary, part);
    glue = part == "." || part == "::";
    return summary.size() <= kMaxSummaryBytes;
  });
  for (size_t at = 0; (at = summary.find_first_of("\n\r\t", at)) != std::string::npos;) {
    summary[at] = ' ';  // A quoted identifier may hold them.
  }
  if (summary.size() <= kMaxSummaryBytes) return summary;
  size_t end = kMaxSummaryBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(summary[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(summary.substr(0, end), "...");
}

// What can be said of a statement that the parser does not read, by its words alone.
class Words {
 public:
  Words(absl::string_view text, const std::vector<Token>& tokens) {
    for (const Token& token : tokens) {
      if (token.kind == TokenKind::kWord) {
        words_.push_back(absl::AsciiStrToLower(TextOf(text, token)));
      }
    }
  }

  bool AreTransactionControl() const {
    return FirstIs({"begin", "commit", "rollback", "end", "abort", "savepoint", "release"}) ||
           (FirstIs({"start", "prepare"}) && Word(1) == "transaction");
  }

  bool AreNonTransactional() const {
    if (FirstIs({"vacuum"})) return true;
    if (FirstIs({"create", "drop"}) && SecondIs({"database", "tablespace", "subscription"})) {
      return true;
    }
    if (FirstIs({"alter"}) && SecondIs({"system", "subscription"})) return true;
    if (FirstIs({"alter"}) && Word(1) == "database" && Contains("tablespace")) return true;
    if (FirstIs({"reindex"}) &&
        (Contains("schema") || Contains("database") || Contains("system"))) {
      return true;
    }
    if (FirstIs({"discard"}) && Word(1) == "all") return true;
    if (FirstIs({"cluster"}) && words_.size() == 1) return true;
    // REFRESH MATERIALIZED VIEW CONCURRENTLY is the one that a transaction may hold.
    return Contains("concurrently") && !FirstIs({"refresh"});
  }

  bool WriteRows() const { return FirstIs({"insert", "update", "delete", "merge"}); }

 private:
  absl::string_view Word(size_t i) const {
    return i < words_.size() ? absl::string_view(words_[i]) : absl::string_view();
  }
  bool FirstIs(std::initializer_list<absl::string_view> choices) const {
    return std::find(choices.begin(), choices.end(), Word(0)) != choices.end();
  }
  bool SecondIs(std::initializer_list<absl::string_view> choices) const {
    return std::find(choices.begin(), choices.end(), Word(1)) != choices.end();
  }
  bool Contains(absl::string_view word) const {
    return std::find(words_.begin(), words_.end(), word) != words_.end();
  }

  std::vector<std::string> words_;  // In lower case.
};

}  // namespace

std::string SummaryOf(absl::string_view statement) { return Summarize(statement); }

StatementFacts FactsOfWords(absl::string_view statement) {
  const std::vector<Token> tokens = TokensWithoutComments(statement);
  const Words words(statement, tokens);
  StatementFacts facts;
  const bool data = tokens.size() > kMaxTokensToParse && words.WriteRows();
  facts.phase = data ? Phase::kData : Phase::kContract;
  facts.kind = data ? StatementClassKind::kData : StatementClassKind::kOther;
  facts.contract_kind = data ? ContractKind::kNone : ContractKind::kOpaque;
  facts.opaque = !data;
  facts.transaction_control = words.AreTransactionControl();
  facts.non_transactional = words.AreNonTransactional() && !data;
  facts.summary = Summarize(statement);
  return facts;
}

}  // namespace lockstep::sql
