#include "engine/chain/analysis.h"

#include <utility>
#include <vector>

namespace lockstep::chain {

sql::FileAnalysis AnalyzeMigration(sql::Analyzer* analyzer, const Migration& migration) {
  std::vector<sql::Allow> allow;
  for (const Directives::Allow& directive : migration.directives.allow) {
    allow.push_back({directive.rule, directive.reason, directive.offset});
  }
  return analyzer->Analyze({.text = migration.sql,
                            .statements = migration.statements,
                            .transaction_none = migration.directives.transaction_none,
                            .declared = migration.directives.phase,
                            .allow = allow});
}

sql::model::Database Replay(std::span<const Migration> applied, sql::model::Database empty) {
  empty.complete = true;
  sql::Analyzer analyzer(std::move(empty));
  for (const Migration& migration : applied) AnalyzeMigration(&analyzer, migration);
  analyzer.MarkApplied();
  return analyzer.database();
}

}  // namespace lockstep::chain
