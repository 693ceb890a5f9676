// Judges a statement by its parse tree (libpg_query's JSON form). Internal to engine/sql.
#ifndef LOCKSTEP_ENGINE_SQL_CLASSIFY_TREE_H_
#define LOCKSTEP_ENGINE_SQL_CLASSIFY_TREE_H_

#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

#include "engine/sql/classify.h"

namespace lockstep::sql {

// Tables that the file has created so far, as written ("users", "app.users").
using NewTables = std::set<std::string>;

// Returns the class of `statement` without its summary, and keeps `new_tables` up to date. Absent
// when the parser refuses the text or it is not exactly one statement. Throws nothing.
std::optional<StatementClass> ClassifyByTree(const std::string& statement, NewTables* new_tables);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_CLASSIFY_TREE_H_
