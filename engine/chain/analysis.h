// The safety analysis of migrations: sql::Analyzer over the files of a chain.
//
//   sql::Analyzer analyzer(Replay(applied_ones, {}));   // Or what engine/schema read from a
//   server. for (const Migration& m : later_ones) Use(AnalyzeMigration(&analyzer, m));
//
// Pure; thread-safety is the analyser's.
#ifndef LOCKSTEP_ENGINE_CHAIN_ANALYSIS_H_
#define LOCKSTEP_ENGINE_CHAIN_ANALYSIS_H_

#include <span>
#include <vector>

#include "engine/chain/migration.h"
#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/model/database.h"

namespace lockstep::chain {

// Analyses one migration, and applies it to the analyser's database. `tree` is that of its whole
// text, or null: then it is parsed here.
sql::FileAnalysis AnalyzeMigration(sql::Analyzer* analyzer, const Migration& migration,
                                   const sql::Tree* tree = nullptr);

// A migration and what the analysis says of it.
struct ReviewedMigration {
  Migration migration;
  sql::FileAnalysis analysis;
};

// Analyses `migrations` in order, and sets in each what the analysis knows better than its file
// alone: phase, transactional, touches, and waits_for: the contracts among the earlier ones whose
// order matters to it.
std::vector<ReviewedMigration> ReviewMigrations(sql::Analyzer* analyzer,
                                                std::vector<Migration> migrations);

// What exists in a database after `applied`, which must start with version 1, was run on `empty`:
// complete as far as the SQL can be read, and live.
sql::model::Database Replay(std::span<const Migration> applied, sql::model::Database empty);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_ANALYSIS_H_
