#include "engine/chain/sharing.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

using sql::TokenKind;

// The words of a statement in lower case: keywords, names and quoted names, no literals.
std::vector<std::string> WordsOf(absl::string_view statement) {
  std::vector<std::string> words;
  for (const sql::Token& token : sql::Tokenize(statement)) {
    absl::string_view text = sql::TextOf(statement, token);
    if (token.kind == TokenKind::kQuotedIdentifier && absl::StartsWith(text, "\"")) {
      text.remove_prefix(1);
      words.push_back(absl::AsciiStrToLower(text.substr(0, text.find('"'))));
    } else if (token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedIdentifier) {
      words.push_back(absl::AsciiStrToLower(text));
    }
  }
  return words;
}

bool IsOneOf(absl::string_view word, std::initializer_list<absl::string_view> choices) {
  return std::find(choices.begin(), choices.end(), word) != choices.end();
}

// Outlives the statement, leaves the transaction, or waits while the others of the group are held
// up with their locks. A column of such a name costs a transaction of its own, no more.
bool Leaks(absl::string_view word) {
  return IsOneOf(word, {"temp", "temporary", "set_config", "notify"}) ||
         absl::StartsWith(word, "pg_temp") || absl::StartsWith(word, "pg_advisory") ||
         absl::StartsWith(word, "pg_try_advisory") || absl::StartsWith(word, "dblink") ||
         absl::StartsWith(word, "pg_sleep") ||
         absl::StartsWith(word, "u&\"");  // Spelled with escapes; it may be any of these.
}

// What may stand behind CREATE, ALTER, DROP and COMMENT ON. Without roles, databases, servers,
// publications and event triggers, which reach beyond the schema or change what runs besides.
bool IsSchemaObject(absl::string_view word) {
  return IsOneOf(word, {"table",      "index",     "view",      "sequence", "type",      "domain",
                        "schema",     "function",  "procedure", "routine",  "trigger",   "policy",
                        "statistics", "extension", "aggregate", "operator", "collation", "rule",
                        "cast",       "column",    "constraint"});
}

// The kind of object behind the first word of a CREATE, ALTER, DROP or COMMENT.
absl::string_view ObjectOf(const std::vector<std::string>& words) {
  constexpr std::array<absl::string_view, 9> kBefore = {"or",         "replace",      "unlogged",
                                                        "unique",     "materialized", "recursive",
                                                        "constraint", "on",           "default"};
  for (size_t i = 1; i < words.size(); ++i) {
    const bool skipped = std::find(kBefore.begin(), kBefore.end(), words[i]) != kBefore.end();
    // COMMENT ON CONSTRAINT names a constraint; CREATE CONSTRAINT TRIGGER a trigger.
    if (!skipped || (words[i] == "constraint" && words[0] == "comment")) return words[i];
  }
  return "";
}

Sharing SharingOfDefinition(const std::vector<std::string>& words) {
  const absl::string_view object = ObjectOf(words);
  // Of an enum a value may be added, which cannot be used before the commit.
  if (words[0] == "alter" && object == "type") return Sharing::kLast;
  if (words[0] == "alter" && object == "privileges") return Sharing::kAny;
  // The script of an extension's new version may do that, too, and anything else.
  if (words[0] == "alter" && object == "extension") return Sharing::kAlone;
  return IsSchemaObject(object) ? Sharing::kAny : Sharing::kAlone;
}

Sharing SharingOfStatement(absl::string_view statement, const sql::StatementFacts& facts) {
  if (facts.opaque || facts.transaction_control || facts.non_transactional) return Sharing::kAlone;
  const std::vector<std::string> words = WordsOf(statement);
  if (words.empty() || std::any_of(words.begin(), words.end(), Leaks)) return Sharing::kAlone;
  if (IsOneOf(words[0], {"create", "alter", "drop", "comment"})) return SharingOfDefinition(words);
  if (IsOneOf(words[0], {"grant", "revoke"})) {
    // Rights on objects. Membership in a role changes what the next file may do.
    const bool on = std::find(words.begin(), words.end(), "on") != words.end();
    return on ? Sharing::kAny : Sharing::kAlone;
  }
  if (IsOneOf(words[0], {"insert", "update", "delete", "merge"})) return Sharing::kLast;
  if (IsOneOf(words[0], {"select", "with", "values"})) {
    return facts.phase == sql::Phase::kData ? Sharing::kLast : Sharing::kAny;
  }
  return Sharing::kAlone;
}

bool AsksForItself(const Directives& directives) {
  return directives.transaction_none || directives.lock_timeout.has_value() ||
         directives.statement_timeout.has_value() || directives.min_postgres.has_value() ||
         !directives.asserts.empty() || !directives.needs_backfill.empty() ||
         !directives.after_contract.empty();
}

}  // namespace

Sharing SharingOf(const Migration& migration) {
  if (!migration.transactional || migration.phase == sql::Phase::kContract ||
      AsksForItself(migration.directives)) {
    return Sharing::kAlone;
  }
  Sharing sharing = Sharing::kAny;
  for (size_t i = 0; i < migration.statements.size(); ++i) {
    const absl::string_view text = sql::TextOf(migration.sql, migration.statements[i]);
    sharing = std::min(sharing, SharingOfStatement(text, migration.alone.statements[i]));
    if (sharing == Sharing::kAlone) break;
  }
  return sharing;
}

absl::string_view SharingName(Sharing sharing) {
  switch (sharing) {
    case Sharing::kAlone:
      return "alone";
    case Sharing::kLast:
      return "last";
    case Sharing::kAny:
      return "any";
  }
  return "alone";
}

Sharing ParseSharing(absl::string_view name) {
  if (name == SharingName(Sharing::kAny)) return Sharing::kAny;
  return name == SharingName(Sharing::kLast) ? Sharing::kLast : Sharing::kAlone;
}

}  // namespace lockstep::chain
