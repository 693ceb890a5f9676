// The safety analysis: what migrations will do to a database, before they do it.
//
//   Analyzer analyzer(std::move(database));     // What exists at the applied version.
//   for (const Migration& m : pending) report.push_back(analyzer.Analyze({.text = m.sql, ...}));
//
// Everything that the analysed files create is new: nothing that runs can depend on it, hence no
// lock, scan or phase of theirs is held against later files of the same analysis. What exists in
// `database` is live, even when it is empty.
//
// Pure: no I/O, no clock. Not thread-safe; independent analysers are.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_ANALYZER_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_ANALYZER_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/facts.h"
#include "engine/sql/analysis/finding.h"
#include "engine/sql/model/database.h"
#include "engine/sql/preamble.h"
#include "engine/sql/split.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// An allow directive: `-- lockstep:allow RULE reason`.
struct Allow {
  std::string rule;
  std::string reason;
  size_t offset = 0;  // Of its comment.
};

struct FileInput {
  absl::string_view text;                 // Normalised; must outlive the call.
  std::span<const Statement> statements;  // As SplitMigration cut it; places in `text`.
  bool transaction_none = false;          // The directive `transaction none`.
  std::optional<Phase> declared;          // The directive `phase`.
  std::span<const Allow> allow = {};
  // The whole text's, as SplitMigration gives it; without one the statements are parsed here.
  const Tree* tree = nullptr;
};

// Statements that run together, in one transaction or without any.
struct Part {
  size_t first = 0;  // Of statements.
  size_t last = 0;   // Included.
  bool transactional = true;
  bool operator==(const Part&) const = default;
};

struct FileAnalysis {
  std::vector<StatementFacts> statements;  // One for each of the input.
  std::vector<Finding> findings;           // By place in the file.
  Phase phase = Phase::kNeutral;           // Derived, then strengthened by the directive.
  Phase derived = Phase::kNeutral;         // What the SQL alone says.
  ContractKind contract_kind = ContractKind::kNone;
  bool phase_unknown = false;  // See StatementFacts.
  bool opaque = false;         // Some statement is.
  // False by the directive, and when a statement must not run in a transaction.
  bool transactional = true;
  std::vector<Part> parts;           // Of what runs, in order.
  std::vector<std::string> notices;  // E.g. that an outer BEGIN and COMMIT are left out.

  bool Blocks() const;
  // The worst severity that is not allowed; absent without a finding.
  std::optional<Severity> Worst() const;
};

class Analyzer {
 public:
  // A database of which nothing is known: what the text cannot tell is "unknown".
  Analyzer() = default;
  explicit Analyzer(model::Database database) : database_(std::move(database)) {}

  // Analyses a file, and applies it to the database.
  FileAnalysis Analyze(const FileInput& file);

  const model::Database& database() const { return database_; }
  // From here on everything counts as live: what was analysed so far is applied.
  void MarkApplied();

 private:
  model::Database database_;
};

// Matches allow directives with findings; adds those about unknown rules and unused directives.
// Analyze does it for the directives that it is given.
void ApplyAllows(std::span<const Allow> allow, std::vector<Finding>* findings);

// Whether the order of the two matters: they touch the same column of an object, or one touches an
// object as a whole that the other touches, and not both only read. Opaque ones conflict with
// everything.
bool Conflict(const FileAnalysis& a, const FileAnalysis& b);

// What a migration changes, for the interlock: tables and columns, each with and without its schema
// ("app.users.email" and "users.email"); sorted. Absent when it cannot be told.
std::optional<std::vector<std::string>> TouchedNames(const FileAnalysis& file);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_ANALYZER_H_
