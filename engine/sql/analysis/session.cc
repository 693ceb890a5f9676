// SET and its kin, LISTEN, PREPARE, cursors: words to the session rather than to the database.

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/setting.h"

namespace lockstep::sql {
namespace {

void AnalyzeSet(Node statement, StatementContext& context) {
  const absl::string_view kind = statement["kind"].text();
  const absl::string_view name = statement["name"].text();
  if (kind == "VAR_RESET_ALL") {
    context.Report(Rule::kTimeoutOverride, Node(),
                   "RESET ALL takes away the timeouts that the runner has set");
    return;
  }
  if (kind == "VAR_SET_MULTI") {
    if (name == "SESSION CHARACTERISTICS") {
      context.Report(Rule::kSessionStateLeak, Node(),
                     "the characteristics of later transactions of the session are changed");
    } else {
      context.Report(Rule::kUnsafeSetting, Node(),
                     "how the transaction runs is the runner's to choose");
    }
    return;
  }
  AnalyzeSetting({.name = name,
                  .values = ValuesOf(statement["args"]),
                  .local = statement["is_local"].flag(),
                  .reset = kind == "VAR_RESET" || kind == "VAR_SET_DEFAULT"},
                 Node(), context);
}

void ReportCommand(absl::string_view what, StatementContext& context) {
  context.Report(Rule::kSessionCommand, Node(), std::string(what));
}

void AnalyzeDiscard(Node statement, StatementContext& context) {
  // DISCARD_ALL is the zero of its enum.
  const absl::string_view target = statement["target"].text();
  if (target.empty() || target == "DISCARD_ALL") {
    context.facts.non_transactional = true;
    ReportCommand("DISCARD ALL frees the locks and drops the temporary tables of the session",
                  context);
  } else {
    ReportCommand("DISCARD changes the session that the runner uses", context);
  }
}

void AnalyzePrepare(Node statement, StatementContext& context) {
  ReportCommand(absl::StrCat("PREPARE ", statement["name"].text(),
                             " hides what EXECUTE does from whoever reads the migration"),
                context);
  context.Inside(statement["query"]);
}

void AnalyzeExecute(Node statement, StatementContext& context) {
  ReportCommand(absl::StrCat("EXECUTE ", statement["name"].text(),
                             " does not show what it does: write the statement itself"),
                context);
}

}  // namespace

void AnalyzeSession(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "VariableSetStmt") {
    AnalyzeSet(statement, context);
  } else if (node_type == "VariableShowStmt") {
    return;
  } else if (node_type == "ConstraintsSetStmt") {
    // IMMEDIATE is welcome: violations show where they are made.
    if (statement["deferred"].flag()) {
      ReportCommand("deferred checks fail at COMMIT, where no statement can be blamed", context);
    }
  } else if (node_type == "DiscardStmt") {
    AnalyzeDiscard(statement, context);
  } else if (node_type == "PrepareStmt") {
    AnalyzePrepare(statement, context);
  } else if (node_type == "ExecuteStmt") {
    AnalyzeExecute(statement, context);
  } else if (node_type == "DeclareCursorStmt") {
    ReportCommand("a cursor has nobody to read from it in a migration", context);
    context.Inside(statement["query"]);
  } else if (node_type == "LoadStmt") {
    context.facts.needs_role = "superuser";
    ReportCommand("LOAD runs the code of a library in the runner's session", context);
  } else if (node_type == "CheckPointStmt") {
    context.facts.needs_role = "pg_checkpoint";
    ReportCommand("CHECKPOINT loads the whole server and is part of no migration", context);
  } else if (node_type == "NotifyStmt") {
    ReportCommand("listeners are told about a migration that may yet be repeated", context);
  } else {
    ReportCommand("the command changes the runner's session, not the database", context);
  }
}

}  // namespace lockstep::sql
