// BEGIN, COMMIT and their kin. One pair around a whole file is not seen here: SplitMigration leaves
// it out.

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

absl::string_view ReasonOf(absl::string_view kind, bool chain) {
  if (chain) {
    return "ends the fenced transaction and begins another one that looks the same";
  }
  if (kind == "TRANS_STMT_SAVEPOINT" || kind == "TRANS_STMT_RELEASE" ||
      kind == "TRANS_STMT_ROLLBACK_TO") {
    return "undoes statements that the history says were run";
  }
  if (kind == "TRANS_STMT_PREPARE") {
    return "leaves a transaction that holds its locks until somebody resolves it";
  }
  if (kind == "TRANS_STMT_BEGIN" || kind == "TRANS_STMT_START") {
    return "begins a transaction inside of the fenced one";
  }
  return "splits the migration: what came before is there for all to see without its history row";
}

}  // namespace

void AnalyzeTransaction(Node statement, StatementContext& context) {
  context.facts.transaction_control = true;
  const absl::string_view kind = statement["kind"].text();
  context
      .Refuse(Rule::kTransactionControl, Node(),
              absl::StrCat("it ", ReasonOf(kind, statement["chain"].flag())))
      .hint =
      "leave it out: each migration runs in one transaction, or in none with the "
      "directive `transaction none`";
}

}  // namespace lockstep::sql
