// What belongs to the whole server and to no database: databases, roles, tablespaces, ALTER SYSTEM.

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/setting.h"

namespace lockstep::sql {
namespace {

struct Row {
  absl::string_view type;
  absl::string_view what;
  absl::string_view needs_role;
  bool non_transactional = false;
};

constexpr std::array<Row, 13> kRows = {{
    {"CreatedbStmt", "a new database", "CREATEDB", true},
    {"DropdbStmt", "dropping a database", "CREATEDB", true},
    {"AlterDatabaseStmt", "a change of a database", "CREATEDB"},
    {"AlterDatabaseSetStmt", "a setting of a database", ""},
    {"AlterDatabaseRefreshCollStmt", "a change of a database", ""},
    {"CreateRoleStmt", "a new role", "CREATEROLE"},
    {"AlterRoleStmt", "a change of a role", "CREATEROLE"},
    {"AlterRoleSetStmt", "a setting of a role", "CREATEROLE"},
    {"DropRoleStmt", "dropping a role", "CREATEROLE"},
    {"GrantRoleStmt", "the membership of a role", "CREATEROLE"},
    {"CreateTableSpaceStmt", "a new tablespace", "superuser", true},
    {"DropTableSpaceStmt", "dropping a tablespace", "superuser", true},
    {"AlterSystemStmt", "a setting of the server", "superuser", true},
}};

bool MovesDatabase(Node statement) {
  for (const Node item : statement["options"].Items()) {
    if (item.As("DefElem")["defname"].text() == "tablespace") return true;
  }
  return false;
}

}  // namespace

void AnalyzeClusterWide(absl::string_view node_type, Node statement, StatementContext& context) {
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.type == node_type; });
  const bool known = row != kRows.end();
  context.facts.needs_role = std::string(known ? row->needs_role : "superuser");
  context.facts.non_transactional = (known && row->non_transactional) ||
                                    (node_type == "AlterDatabaseStmt" && MovesDatabase(statement));
  context.Report(Rule::kClusterWideChange, Node(),
                 absl::StrCat(known ? row->what : "a change of a tablespace",
                              " is no part of this database's history: every other database of "
                              "the server meets it too"));
  // ALTER SYSTEM is for the server's next start; the others for every later session.
  const Node setting = statement["setstmt"];
  if (node_type == "AlterSystemStmt") {
    if (IsReplicationRole(setting["name"].text())) AnalyzeStoredSetting(setting, context);
  } else if (setting) {
    AnalyzeStoredSetting(setting, context);
  }
  if (node_type == "GrantRoleStmt" && !statement["is_grant"].flag()) {
    context.Strengthen(Phase::kContract, ContractKind::kTighten);
    context.Report(Rule::kRevokePrivilege, Node(),
                   "members of the role lose what it may do, also where they are in use");
  }
}

}  // namespace lockstep::sql
