#include "engine/chain/coverage.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"

#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

using Words = std::vector<std::string>;

// Its tokens without comments: words in lower case, quoted names as they are.
Words WordsOf(absl::string_view sql) {
  Words words;
  for (const sql::Token& token : sql::Tokenize(sql)) {
    const absl::string_view text = sql::TextOf(sql, token);
    if (token.kind == sql::TokenKind::kLineComment || token.kind == sql::TokenKind::kBlockComment) {
      continue;
    }
    words.push_back(token.kind == sql::TokenKind::kWord ? absl::AsciiStrToLower(text)
                                                        : std::string(text));
  }
  return words;
}

// "orders" of "app.orders".
std::string LastName(absl::string_view table) {
  const Words words = WordsOf(table);
  return words.empty() ? "" : words.back();
}

bool Has(const Words& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The columns that an UPDATE of `table` sets: names before `=`, from SET to the end of its list.
std::set<std::string> ColumnsSet(const Words& words, const std::string& table) {
  std::set<std::string> columns;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "update") continue;
    size_t set = i + 1;
    while (set < words.size() && words[set] != "set") ++set;
    if (!std::count(words.begin() + static_cast<long>(i), words.begin() + static_cast<long>(set),
                    table)) {
      continue;
    }
    int depth = 0;
    bool begins = true;  // An item of the list.
    for (size_t at = set + 1; at + 1 < words.size(); ++at) {
      if (depth == 0 && (words[at] == "where" || words[at] == "from" || words[at] == "returning")) {
        break;
      }
      if (begins && words[at + 1] == "=") columns.insert(words[at]);
      begins = false;
      if (words[at] == "(") ++depth;
      if (words[at] == ")" && --depth < 0) break;
      if (words[at] == "," && depth == 0) begins = true;
    }
  }
  return columns;
}

// Whether `words`, one statement, makes a trigger on `table`.
bool MakesTrigger(const Words& words, const std::string& table) {
  if (words.empty() || words[0] != "create" || !Has(words, "trigger")) return false;
  const auto on = std::find(words.begin(), words.end(), "on");
  return std::find(on, words.end(), table) != words.end();
}

// Whether it gives `column` of `table` a value of its own in new rows.
bool MakesValue(const Words& words, const std::string& table, const std::string& column) {
  if (!Has(words, table) || (!Has(words, "table") && !Has(words, "alter"))) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != column) continue;
    for (size_t at = i + 1; at < words.size() && words[at] != ","; ++at) {
      if (words[at] == "default" || words[at] == "generated") return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> UncoveredColumns(const Backfill& job,
                                          const std::vector<Migration>& migrations) {
  if (job.table.empty() || !job.dual_write.empty()) return {};
  const std::string table = LastName(job.table);
  std::set<std::string> columns;
  for (const std::string& statement : job.batch_statements) {
    columns.merge(ColumnsSet(WordsOf(statement), table));
  }
  if (columns.empty()) return {};
  for (const Migration& migration : migrations) {
    if (migration.version > job.after) break;
    for (const sql::Statement& statement : migration.statements) {
      const Words words = WordsOf(sql::TextOf(migration.sql, statement));
      if (MakesTrigger(words, table)) return {};
      std::erase_if(columns,
                    [&](const std::string& column) { return MakesValue(words, table, column); });
    }
  }
  return {columns.begin(), columns.end()};
}

}  // namespace lockstep::chain
