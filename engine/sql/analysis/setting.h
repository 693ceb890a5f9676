// Which settings a migration may change. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_SETTING_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_SETTING_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

struct SettingChange {
  absl::string_view name;
  std::vector<std::string> values;  // As text; empty for RESET, DEFAULT and what is not constant.
  bool local = false;               // Ends with the transaction.
  bool reset = false;               // RESET, or SET ... TO DEFAULT.
};

// Reports a change of a setting, by SET or set_config, and keeps it in the catalog where it changes
// what later statements mean.
void AnalyzeSetting(const SettingChange& change, Node at, StatementContext& context);

// The values of a VariableSetStmt's args.
std::vector<std::string> ValuesOf(Node arguments);

// ALTER ROLE, DATABASE ... SET: a change for later sessions. Reports what no session should have.
void AnalyzeStoredSetting(Node variable_set, StatementContext& context);

// session_replication_role: nobody may set it, in whatever form.
bool IsReplicationRole(absl::string_view setting);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_SETTING_H_
