// The safety analysis on any bytes: it never fails, there are facts for each statement, findings
// point into the text, and what is left out and the statements do not overlap. A catalog that was
// built by one file is good enough for the next.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/base/status_macros.h"
#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/preamble.h"

namespace {

namespace sql = ::lockstep::sql;

void CheckSplit(absl::string_view text, const sql::MigrationSplit& split) {
  size_t at = 0;
  for (const sql::Statement& statement : split.statements) {
    LOCKSTEP_CHECK(statement.size > 0);
    LOCKSTEP_CHECK(statement.offset >= at);
    LOCKSTEP_CHECK(statement.size <= text.size() - statement.offset);
    at = statement.offset + statement.size;
  }
  for (const sql::LeftOut& part : split.left_out) {
    LOCKSTEP_CHECK(part.size <= text.size() && part.offset <= text.size() - part.size);
  }
}

void CheckAnalysis(absl::string_view text, const sql::MigrationSplit& split,
                   const sql::FileAnalysis& analysis) {
  LOCKSTEP_CHECK(analysis.statements.size() == split.statements.size());
  const auto count = static_cast<int>(split.statements.size());
  for (const sql::Finding& finding : analysis.findings) {
    LOCKSTEP_CHECK(finding.offset <= text.size());
    LOCKSTEP_CHECK(finding.size <= text.size() - finding.offset);
    LOCKSTEP_CHECK(finding.statement >= -1 && finding.statement < count);
    LOCKSTEP_CHECK(!finding.message.empty());
  }
  for (const sql::StatementFacts& facts : analysis.statements) {
    LOCKSTEP_CHECK(facts.summary.size() <= 80);
    LOCKSTEP_CHECK(!facts.opaque || facts.phase >= sql::Phase::kData);
    LOCKSTEP_CHECK(facts.contract_kind == sql::ContractKind::kNone ||
                   facts.phase == sql::Phase::kContract);
  }
  size_t next = 0;
  for (const sql::Part& part : analysis.parts) {
    LOCKSTEP_CHECK(part.first == next && part.last >= part.first);
    next = part.last + 1;
  }
  LOCKSTEP_CHECK(next == split.statements.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const sql::MigrationSplit split = sql::SplitMigration(text);
  CheckSplit(text, split);
  lockstep::sql::model::Database database;
  database.complete = size % 2 == 0;
  sql::Analyzer analyzer(std::move(database));
  for (const bool none : {false, true}) {
    CheckAnalysis(
        text, split,
        analyzer.Analyze({.text = text, .statements = split.statements, .transaction_none = none}));
    analyzer.MarkApplied();
  }
  return 0;
}
