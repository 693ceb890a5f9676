#include "engine/catalog/roles.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace lockstep::catalog {
namespace {

// A block in a quoted string: a dollar quote could be closed by a name.
std::string CreateIfMissing(const std::string& role, absl::string_view options) {
  return absl::StrCat("DO ",
                      QuoteLiteral(absl::StrCat(
                          "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ",
                          QuoteLiteral(role), ") THEN CREATE ROLE ", QuoteName(role), " ", options,
                          "; END IF; END")));
}

// What g01_grants.sql gives to lockstep_agents; a test holds the two together.
constexpr char kAgentFunctions[] =
    "lockstep.open, lockstep.close, lockstep.open_group, lockstep.close_group, lockstep.outcome, "
    "lockstep.lock_wait, lockstep.lock_holders, lockstep.oldest_transaction, "
    "lockstep.lock_statements, lockstep.statement_lock_holder, lockstep.plan_statements, "
    "lockstep.begin_statement, lockstep.end_statement, lockstep.admit, lockstep.gate, "
    "lockstep.reserve_direct, lockstep.leave, lockstep.check_session, lockstep.backfill_part, "
    "lockstep.backfill_open, lockstep.backfill_close, lockstep.backfill_beat, "
    "lockstep.backfill_plan, lockstep.backfill_verified, lockstep.backfill_give_back, "
    "lockstep.backfill_health";

void AddExecute(const std::string& role, bool single_role, std::vector<std::string>* statements) {
  if (!single_role) {
    statements->push_back(absl::StrCat("GRANT lockstep_agents TO ", QuoteName(role)));
    return;
  }
  statements->push_back(absl::StrCat("GRANT USAGE ON SCHEMA lockstep TO ", QuoteName(role)));
  statements->push_back(
      absl::StrCat("GRANT EXECUTE ON FUNCTION ", kAgentFunctions, " TO ", QuoteName(role)));
}

}  // namespace

std::string QuoteName(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

std::string QuoteLiteral(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

std::vector<std::string> CreateRoleStatements(const RolesSpec& spec) {
  std::vector<std::string> statements;
  if (!spec.owner.empty()) statements.push_back(CreateIfMissing(spec.owner, "NOLOGIN"));
  for (const auto* roles : {&spec.migrators, &spec.agents, &spec.coordinators}) {
    for (const std::string& role : *roles) statements.push_back(CreateIfMissing(role, "LOGIN"));
  }
  return statements;
}

std::vector<std::string> GrantStatements(const RolesSpec& spec, bool single_role) {
  std::vector<std::string> statements;
  if (!spec.owner.empty()) {
    statements.push_back(
        absl::StrCat("GRANT USAGE, CREATE ON SCHEMA public TO ", QuoteName(spec.owner)));
  }
  for (const std::string& role : spec.migrators) {
    if (!spec.owner.empty() && role != spec.owner) {
      statements.push_back(absl::StrCat("GRANT ", QuoteName(spec.owner), " TO ", QuoteName(role)));
    }
    AddExecute(role, single_role, &statements);
  }
  for (const std::string& role : spec.agents) AddExecute(role, single_role, &statements);
  for (const std::string& role : spec.coordinators) {
    if (single_role) continue;
    statements.push_back(absl::StrCat("GRANT lockstep_coordinators TO ", QuoteName(role)));
  }
  return statements;
}

}  // namespace lockstep::catalog
