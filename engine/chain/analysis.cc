#include "engine/chain/analysis.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace lockstep::chain {

sql::FileAnalysis AnalyzeMigration(sql::Analyzer* analyzer, const Migration& migration,
                                   const sql::Tree* tree) {
  std::vector<sql::Allow> allow;
  for (const Directives::Allow& directive : migration.directives.allow) {
    allow.push_back({directive.rule, directive.reason, directive.offset});
  }
  return analyzer->Analyze({.text = migration.sql,
                            .statements = migration.statements,
                            .transaction_none = migration.directives.transaction_none,
                            .declared = migration.directives.phase,
                            .allow = allow,
                            .tree = tree});
}

std::vector<ReviewedMigration> ReviewMigrations(sql::Analyzer* analyzer,
                                                std::vector<Migration> migrations) {
  std::vector<ReviewedMigration> reviewed;
  std::vector<size_t> contracts;  // Of `reviewed`.
  reviewed.reserve(migrations.size());
  for (Migration& migration : migrations) {
    sql::FileAnalysis analysis = AnalyzeMigration(analyzer, migration);
    migration.phase = analysis.phase;
    migration.transactional = analysis.transactional;
    migration.touches = sql::TouchedNames(analysis);
    migration.waits_for = migration.directives.after_contract;
    for (const size_t contract : contracts) {
      const Version version = reviewed[contract].migration.version;
      if (sql::Conflict(reviewed[contract].analysis, analysis)) {
        migration.waits_for.push_back(version);
      }
    }
    std::sort(migration.waits_for.begin(), migration.waits_for.end());
    migration.waits_for.erase(std::unique(migration.waits_for.begin(), migration.waits_for.end()),
                              migration.waits_for.end());
    if (migration.phase == sql::Phase::kContract) contracts.push_back(reviewed.size());
    reviewed.push_back({std::move(migration), std::move(analysis)});
  }
  return reviewed;
}

sql::model::Database Replay(std::span<const Migration> applied, sql::model::Database empty) {
  empty.complete = true;
  sql::Analyzer analyzer(std::move(empty));
  for (const Migration& migration : applied) AnalyzeMigration(&analyzer, migration);
  analyzer.MarkApplied();
  return analyzer.database();
}

}  // namespace lockstep::chain
