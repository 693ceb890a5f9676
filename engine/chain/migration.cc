#include "engine/chain/migration.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"
#include "engine/chain/analysis.h"
#include "engine/chain/directives.h"
#include "engine/chain/source.h"
#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";
// Stored in every digest; do not change.
constexpr absl::string_view kUnitEnd = "\x1f";
constexpr absl::string_view kDirectiveEnd = "\x1e";
constexpr size_t kMinVersionDigits = 3;

absl::Status CheckTransactionControl(const Source& source, const Migration& migration) {
  // With `transaction none` the pair would be a transaction of the file's own.
  for (const sql::LeftOut& part : migration.left_out) {
    if (part.kind != sql::LeftOutKind::kTransaction || !migration.directives.transaction_none) {
      continue;
    }
    return ErrorAt(source, part.offset, "TRANSACTION_CONTROL",
                   "BEGIN contradicts the directive `transaction none`",
                   "remove BEGIN and COMMIT, or the directive");
  }
  for (size_t i = 0; i < migration.statements.size(); ++i) {
    if (!migration.alone.statements[i].transaction_control) continue;
    return ErrorAt(
        source, migration.statements[i].offset, "TRANSACTION_CONTROL",
        absl::StrCat(
            migration.alone.statements[i].summary,
            migration.alone.statements[i].node == "DoStmt" ? " that ends the transaction" : "",
            " is not allowed in a migration"),
        "remove it: lockstep wraps each migration in its own fenced transaction");
  }
  return absl::OkStatus();
}

absl::Status SetPhase(const Source& source, const std::vector<DirectiveLine>& lines,
                      Migration* migration) {
  const sql::FileAnalysis& alone = migration->alone;
  migration->phase = alone.phase;
  if (!migration->directives.phase.has_value()) return absl::OkStatus();
  const sql::Phase declared = *migration->directives.phase;
  // What only the catalog can tell is judged when it is known.
  if (declared >= alone.derived || alone.phase_unknown) return absl::OkStatus();
  const auto line = std::find_if(lines.begin(), lines.end(),
                                 [](const DirectiveLine& l) { return l.name == "phase"; });
  return ErrorAt(source, line->offset, "PHASE_WEAKENED",
                 absl::StrCat("declared as ", sql::PhaseName(declared), ", but its SQL is ",
                              sql::PhaseName(alone.derived)),
                 "a directive may only strengthen the phase: remove it, or move the statements "
                 "that need another phase to a file of their own");
}

}  // namespace

absl::StatusOr<Migration> ReadMigration(absl::string_view file, absl::string_view bytes) {
  const std::optional<FileName> name = ParseFileName(BaseName(file));
  if (!name.has_value()) {
    return ErrorInFile(file, "BAD_FILE_NAME",
                       "a migration's file must be named NNN_title.sql: a version of at least "
                       "three digits from 001 on, an underscore, a title in [a-z0-9_]",
                       "rename it, e.g. to 017_add_orders.sql");
  }
  ASSIGN_OR_RETURN(const Source source, ReadSource(file, bytes, kMaxMigrationBytes));
  Migration migration;
  migration.version = name->version;
  migration.title = name->title;
  migration.file = source.file;
  migration.sql = source.text;
  const std::vector<DirectiveLine> lines = FindDirectives(source.text, sql::Tokenize(source.text));
  ASSIGN_OR_RETURN(migration.directives, ParseDirectives(source, lines, migration.version));
  sql::MigrationSplit split = sql::SplitMigration(source.text);
  migration.statements = std::move(split.statements);
  migration.left_out = std::move(split.left_out);
  sql::Analyzer analyzer;
  migration.alone = AnalyzeMigration(&analyzer, migration, &split.tree);
  RETURN_IF_ERROR(CheckTransactionControl(source, migration));
  RETURN_IF_ERROR(SetPhase(source, lines, &migration));
  migration.transactional = migration.alone.transactional;
  migration.waits_for = migration.directives.after_contract;
  migration.digest = DigestOf(source.text);
  return migration;
}

std::string DigestOf(absl::string_view sql) {
  const std::vector<sql::Token> tokens = sql::Tokenize(sql);
  base::Sha256 hash;
  for (const sql::Token& token : tokens) {
    if (token.kind == sql::TokenKind::kLineComment || token.kind == sql::TokenKind::kBlockComment) {
      continue;
    }
    hash.Update(sql::TextOf(sql, token));
    hash.Update(kUnitEnd);
  }
  for (const DirectiveLine& line : FindDirectives(sql, tokens)) {
    if (!line.at_top || !line.is_line) continue;
    hash.Update(line.name);
    hash.Update(kUnitEnd);
    hash.Update(line.value);
    hash.Update(kDirectiveEnd);
  }
  return hash.Finish();
}

std::string NormalizeText(absl::string_view bytes) {
  // Idempotent, so that text which was stored normalised keeps its digest when read again: of
  // several byte order marks, or carriage returns before a line feed, none stays.
  while (absl::ConsumePrefix(&bytes, kByteOrderMark)) {
  }
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (c == '\n') text.resize(text.find_last_not_of('\r') + 1);
    text += c;
  }
  return text;
}

std::optional<FileName> ParseFileName(absl::string_view base_name) {
  if (!absl::ConsumeSuffix(&base_name, ".sql")) return std::nullopt;
  const size_t digits = std::min(base_name.find_first_not_of("0123456789"), base_name.size());
  if (digits < kMinVersionDigits || digits == base_name.size()) return std::nullopt;
  FileName name;
  if (!ParseNumber(base_name.substr(0, digits), 1, kMaxVersion, &name.version)) return std::nullopt;
  absl::string_view title = base_name.substr(digits);
  if (!absl::ConsumePrefix(&title, "_") || !IsSnakeCase(title)) return std::nullopt;
  name.title = std::string(title);
  return name;
}

}  // namespace lockstep::chain
