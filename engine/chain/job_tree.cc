#include "engine/chain/job_tree.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

#include "engine/chain/directives.h"
#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

// The names in a list of them, or between dots, as PostgreSQL folds and unquotes them.
std::vector<std::string> NamesIn(absl::string_view text) {
  std::vector<std::string> names;
  for (const sql::Token& token : sql::Tokenize(text)) {
    const absl::string_view name = sql::TextOf(text, token);
    if (token.kind == sql::TokenKind::kWord) {
      names.push_back(absl::AsciiStrToLower(name));
    } else if (token.kind == sql::TokenKind::kQuotedIdentifier && name.size() > 2) {
      names.push_back(absl::StrReplaceAll(name.substr(1, name.size() - 2), {{"\"\"", "\""}}));
    }
  }
  return names;
}

}  // namespace

JobTree ParseJob(const Backfill& job) {
  JobTree out;
  const std::vector<DirectiveLine> lines = FindDirectives(job.sql, sql::Tokenize(job.sql));
  for (const DirectiveLine& line : lines) {
    if (line.name == "table") out.table_offset = line.offset;
    if (line.name == "key") out.key_offset = line.offset;
  }
  const std::vector<std::string> table = NamesIn(job.table);
  if (!table.empty()) out.table.name = table.back();
  if (table.size() > 1) out.table.schema = table.front();
  out.keys = NamesIn(job.key);
  for (const sql::Statement& place : sql::SplitStatements(job.sql).statements) {
    out.statements.push_back({.section = std::string(SectionAt(lines, place.offset)),
                              .place = place,
                              .tree = sql::Tree::Parse(sql::TextOf(job.sql, place))});
  }
  return out;
}

}  // namespace lockstep::chain
