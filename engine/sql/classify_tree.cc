#include "engine/sql/classify_tree.h"

#include <algorithm>
#include <array>
#include <exception>
#include <pg_query.h>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace lockstep::sql {
namespace {

using Json = nlohmann::json;

// libpg_query leaves out zero values, so every read has a default.
std::string Text(const Json& node, const char* key) { return node.value(key, ""); }
bool Flag(const Json& node, const char* key) { return node.value(key, false); }
const Json& Child(const Json& node, const char* key) {
  static const Json* const kNone = new Json(Json::object());
  const auto it = node.find(key);
  return it == node.end() ? *kNone : *it;
}
// The fields of `node`, of which every tree node is wrapped once: {"SelectStmt": {...}}.
const Json& Inside(const Json& node, const char* type) { return Child(node, type); }

template <typename Range>
bool Has(const Range& range, absl::string_view value) {
  return std::find(range.begin(), range.end(), value) != range.end();
}

StatementClass Of(Phase phase) { return {.phase = phase}; }
StatementClass Opaque() { return {.phase = Phase::kContract, .opaque = true}; }

std::string NameOf(const Json& range_var) {
  const std::string schema = Text(range_var, "schemaname");
  const std::string name = Text(range_var, "relname");
  return schema.empty() ? name : absl::StrCat(schema, ".", name);
}

bool HasOption(const Json& list, absl::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const Json& item) {
    return Text(Inside(item, "DefElem"), "defname") == name;
  });
}

// ---- Queries.

// Functions that change nothing another session sees. set_config changes the session alone.
constexpr std::array<absl::string_view, 30> kHarmlessFunctions = {"set_config",
                                                                  "current_setting",
                                                                  "now",
                                                                  "version",
                                                                  "count",
                                                                  "min",
                                                                  "max",
                                                                  "sum",
                                                                  "avg",
                                                                  "length",
                                                                  "lower",
                                                                  "upper",
                                                                  "concat",
                                                                  "format",
                                                                  "coalesce",
                                                                  "abs",
                                                                  "round",
                                                                  "btrim",
                                                                  "replace",
                                                                  "to_char",
                                                                  "current_schemas",
                                                                  "current_schema",
                                                                  "current_database",
                                                                  "to_regclass",
                                                                  "to_regtype",
                                                                  "pg_get_serial_sequence",
                                                                  "generate_series",
                                                                  "gen_random_uuid",
                                                                  "string_agg",
                                                                  "array_agg"};
constexpr std::array<absl::string_view, 2> kDataFunctions = {"setval", "nextval"};

// The name of a called function without pg_catalog; "" when another schema is named, whose
// functions are not ours to know.
std::string FunctionName(const Json& call) {
  const Json& names = Child(call, "funcname");
  if (names.size() == 1) return Text(Inside(names[0], "String"), "sval");
  if (names.size() == 2 && Text(Inside(names[0], "String"), "sval") == "pg_catalog") {
    return Text(Inside(names[1], "String"), "sval");
  }
  return "";
}

// Neutral for a query that only reads, data when it writes rows (also in WITH), expand when it
// makes a table (SELECT INTO), opaque when it calls what we do not know. Walks with its own stack:
// trees may be deep.
StatementClass ClassifyQuery(const Json& query) {
  Phase phase = Phase::kNeutral;
  std::vector<const Json*> open = {&query};
  while (!open.empty()) {
    const Json& node = *open.back();
    open.pop_back();
    if (node.is_array()) {
      for (const Json& item : node) open.push_back(&item);
    }
    if (!node.is_object()) continue;
    for (const auto& [key, value] : node.items()) {
      if (key == "FuncCall") {
        const std::string name = FunctionName(value);
        const bool data = Has(kDataFunctions, name);
        if (!data && !Has(kHarmlessFunctions, name)) return Opaque();
        if (data) phase = std::max(phase, Phase::kData);
      } else if (key == "InsertStmt" || key == "UpdateStmt" || key == "DeleteStmt") {
        phase = std::max(phase, Phase::kData);
      } else if (key == "intoClause") {
        phase = Phase::kExpand;
      }
      open.push_back(&value);
    }
  }
  return Of(phase);
}

// ---- ALTER TABLE.

bool IsNullConstant(const Json& expression) {
  const Json* node = &expression;
  while (node->contains("TypeCast")) node = &Child(Inside(*node, "TypeCast"), "arg");
  return Flag(Inside(*node, "A_Const"), "isnull");
}

bool IsSerial(const Json& column) {
  constexpr std::array<absl::string_view, 6> kSerials = {"serial",  "serial4",     "bigserial",
                                                         "serial8", "smallserial", "serial2"};
  const Json& names = Child(Child(column, "typeName"), "names");
  return names.size() == 1 && Has(kSerials, Text(Inside(names[0], "String"), "sval"));
}

// A new column leaves old INSERTs alone when it may stay NULL or fills itself. UNIQUE and CHECK
// are left to a fuller analysis, except that NULLs are always unique.
bool AddedColumnIsExpand(const Json& column) {
  bool fills_itself = IsSerial(column);
  bool not_null = false;
  bool generated = false;
  bool references = false;
  bool unique = false;
  for (const Json& item : Child(column, "constraints")) {
    const Json& constraint = Inside(item, "Constraint");
    const std::string type = Text(constraint, "contype");
    if (type == "CONSTR_DEFAULT") {
      fills_itself |= !IsNullConstant(Child(constraint, "raw_expr"));
    } else if (type == "CONSTR_IDENTITY") {
      fills_itself = true;
    } else if (type == "CONSTR_GENERATED") {
      generated = true;
    } else if (type == "CONSTR_NOTNULL") {
      not_null = true;
    } else if (type == "CONSTR_FOREIGN") {
      references = true;
    } else if (type == "CONSTR_UNIQUE") {
      unique = true;
    } else if (type != "CONSTR_NULL" && !absl::StartsWith(type, "CONSTR_ATTR_")) {
      return false;
    }
  }
  if (not_null && !fills_itself) return false;
  // A value that every row gets may break the reference or be the same in all rows.
  return !((references || unique) && (fills_itself || generated));
}

bool OnlyTunesStorage(const Json& options) {
  const Json& items = Child(Inside(options, "List"), "items");
  return std::all_of(items.begin(), items.end(), [](const Json& item) {
    const std::string name = Text(Inside(item, "DefElem"), "defname");
    return name == "fillfactor" || name == "parallel_workers" || name == "toast_tuple_target" ||
           absl::StartsWith(name, "autovacuum_");
  });
}

StatementClass ClassifyAlterCommand(const Json& command, bool new_table) {
  constexpr std::array<absl::string_view, 8> kNeutral = {
      "AT_SetStatistics", "AT_SetStorage",  "AT_SetCompression", "AT_ValidateConstraint",
      "AT_ClusterOn",     "AT_DropCluster", "AT_SetOptions",     "AT_ResetOptions"};
  constexpr std::array<absl::string_view, 4> kExpandWhenNew = {
      "AT_AddConstraint", "AT_SetNotNull", "AT_EnableRowSecurity", "AT_ForceRowSecurity"};
  const std::string type = Text(command, "subtype");
  const Json& definition = Child(command, "def");
  if (Has(kNeutral, type)) return Of(Phase::kNeutral);
  if (new_table && Has(kExpandWhenNew, type)) return Of(Phase::kExpand);
  bool expand = false;
  if (type == "AT_AddColumn") {
    expand = new_table || AddedColumnIsExpand(Inside(definition, "ColumnDef"));
  } else if (type == "AT_ColumnDefault") {
    expand = new_table || !definition.empty();  // Without a definition it is DROP DEFAULT.
  } else if (type == "AT_DropNotNull") {
    expand = true;
  } else if (type == "AT_SetRelOptions" && OnlyTunesStorage(definition)) {
    return Of(Phase::kNeutral);
  }
  StatementClass result = Of(expand ? Phase::kExpand : Phase::kContract);
  result.non_transactional =
      type == "AT_DetachPartition" && Flag(Inside(definition, "PartitionCmd"), "concurrent");
  return result;
}

StatementClass ClassifyAlterTable(const Json& statement, const NewTables& new_tables) {
  if (Text(statement, "objtype") != "OBJECT_TABLE") return Of(Phase::kContract);
  const bool new_table = new_tables.count(NameOf(Child(statement, "relation"))) > 0;
  StatementClass result = Of(Phase::kNeutral);
  for (const Json& item : Child(statement, "cmds")) {
    const StatementClass part = ClassifyAlterCommand(Inside(item, "AlterTableCmd"), new_table);
    result.phase = std::max(result.phase, part.phase);
    result.non_transactional |= part.non_transactional;
  }
  return result;
}

// ---- Everything else, by node type.

bool IsHarmlessDefinition(const Json& statement) {
  const std::string kind = Text(statement, "kind");
  return !Flag(statement, "replace") &&
         (kind == "OBJECT_TYPE" || kind == "OBJECT_AGGREGATE" || kind == "OBJECT_COLLATION");
}

// Forms whose phase follows from the node's type and one flag of it; absent for all others.
std::optional<Phase> SimplePhase(const std::string& type, const Json& statement) {
  constexpr std::array<absl::string_view, 10> kNeutral = {
      "VariableSetStmt", "VariableShowStmt", "ConstraintsSetStmt", "CommentStmt",
      "VacuumStmt",      "ReindexStmt",      "ClusterStmt",        "CreateStatsStmt",
      "CheckPointStmt",  "AlterStatsStmt"};
  constexpr std::array<absl::string_view, 5> kData = {"InsertStmt", "UpdateStmt", "DeleteStmt",
                                                      "MergeStmt", "RefreshMatViewStmt"};
  constexpr std::array<absl::string_view, 8> kExpand = {
      "CreateStmt",       "CompositeTypeStmt", "CreateEnumStmt",      "CreateRangeStmt",
      "CreateDomainStmt", "CreateSeqStmt",     "CreateExtensionStmt", "CreateForeignTableStmt"};
  const auto expand_if = [](bool condition) {
    return condition ? Phase::kExpand : Phase::kContract;
  };
  if (Has(kNeutral, type)) return Phase::kNeutral;
  if (Has(kData, type)) return Phase::kData;
  if (Has(kExpand, type)) return Phase::kExpand;
  if (type == "ViewStmt" || type == "CreateFunctionStmt") {
    return expand_if(!Flag(statement, "replace"));
  }
  if (type == "DefineStmt") return expand_if(IsHarmlessDefinition(statement));
  if (type == "GrantStmt" || type == "GrantRoleStmt") {
    return expand_if(Flag(statement, "is_grant"));
  }
  if (type == "AlterDefaultPrivilegesStmt") {
    return expand_if(Flag(Child(statement, "action"), "is_grant"));
  }
  if (type == "AlterEnumStmt") return expand_if(!statement.contains("oldVal"));
  if (type == "CopyStmt") {
    const bool reads_file = Flag(statement, "is_from") && !Flag(statement, "is_program");
    return reads_file ? Phase::kData : Phase::kContract;
  }
  return std::nullopt;
}

// Statements that PostgreSQL refuses in a transaction block, apart from DETACH ... CONCURRENTLY.
bool IsNonTransactional(const std::string& type, const Json& statement) {
  constexpr std::array<absl::string_view, 7> kAlways = {
      "CreatedbStmt",        "DropdbStmt",      "CreateTableSpaceStmt",
      "DropTableSpaceStmt",  "AlterSystemStmt", "CreateSubscriptionStmt",
      "DropSubscriptionStmt"};
  if (Has(kAlways, type)) return true;
  if (type == "IndexStmt" || type == "DropStmt") return Flag(statement, "concurrent");
  if (type == "VacuumStmt") return Flag(statement, "is_vacuumcmd");
  if (type == "ClusterStmt") return !statement.contains("relation");
  if (type == "AlterDatabaseStmt") return HasOption(Child(statement, "options"), "tablespace");
  if (type == "DiscardStmt") return Text(statement, "target") == "DISCARD_ALL";
  if (type == "AlterSubscriptionStmt") return true;
  if (type == "ReindexStmt") {
    const std::string kind = Text(statement, "kind");
    return (kind != "REINDEX_OBJECT_TABLE" && kind != "REINDEX_OBJECT_INDEX") ||
           HasOption(Child(statement, "params"), "concurrently");
  }
  return false;
}

StatementClass ClassifyNode(const Json& node, const NewTables& new_tables);

StatementClass ClassifySchema(const Json& statement, const NewTables& new_tables) {
  StatementClass result = Of(Phase::kExpand);
  for (const Json& element : Child(statement, "schemaElts")) {
    const StatementClass part = ClassifyNode(element, new_tables);
    result.phase = std::max(result.phase, part.phase);
    result.opaque |= part.opaque;
  }
  return result;
}

StatementClass ClassifyNode(const Json& node, const NewTables& new_tables) {
  if (!node.is_object() || node.size() != 1) return Opaque();
  const std::string type = node.begin().key();
  const Json& statement = node.begin().value();
  const auto on_new_table = [&] {
    return new_tables.count(NameOf(Child(statement, "relation"))) > 0;
  };
  StatementClass result = Of(Phase::kContract);
  if (const auto phase = SimplePhase(type, statement); phase.has_value()) {
    result = Of(*phase);
  } else if (type == "TransactionStmt") {
    result.transaction_control = true;
  } else if (type == "SelectStmt") {
    result = ClassifyQuery(statement);
  } else if (type == "CreateTableAsStmt") {
    const Json& query = Child(statement, "query");
    result = query.contains("SelectStmt") ? ClassifyQuery(query) : Opaque();
    if (!result.opaque) result.phase = Phase::kExpand;
  } else if (type == "AlterTableStmt") {
    result = ClassifyAlterTable(statement, new_tables);
  } else if (type == "IndexStmt") {
    result.phase = !Flag(statement, "unique") ? Phase::kNeutral
                   : on_new_table()           ? Phase::kExpand
                                              : Phase::kContract;
  } else if (type == "CreateTrigStmt") {
    if (!Flag(statement, "replace") && on_new_table()) result.phase = Phase::kExpand;
  } else if (type == "CreateSchemaStmt") {
    result = ClassifySchema(statement, new_tables);
  } else if (type == "DoStmt" || type == "CallStmt" || type == "ExecuteStmt") {
    result = Opaque();
  }
  result.non_transactional |= IsNonTransactional(type, statement);
  return result;
}

// True for a SET that leaves the meaning of names alone; those are what pg_dump writes.
bool KeepsNames(const Json& node) {
  constexpr std::array<absl::string_view, 3> kKeepers = {
      "check_function_bodies", "default_tablespace", "default_table_access_method"};
  return Has(kKeepers, Text(Inside(node, "VariableSetStmt"), "name"));
}

// Adds the table that the statement creates; forgets all when a name may now mean another table.
void Track(const Json& node, const StatementClass& result, NewTables* new_tables) {
  const bool may_change_names = result.phase == Phase::kContract || node.contains("SelectStmt") ||
                                (node.contains("VariableSetStmt") && !KeepsNames(node)) ||
                                node.contains("CreateSchemaStmt");
  if (may_change_names) new_tables->clear();
  if (node.contains("CreateStmt")) {
    new_tables->insert(NameOf(Child(Inside(node, "CreateStmt"), "relation")));
  } else if (node.contains("CreateTableAsStmt") && !result.opaque) {
    const Json& into = Child(Inside(node, "CreateTableAsStmt"), "into");
    new_tables->insert(NameOf(Child(into, "rel")));
  }
}

}  // namespace

std::optional<StatementClass> ClassifyByTree(const std::string& statement, NewTables* new_tables) {
  const PgQueryParseResult parsed = pg_query_parse(statement.c_str());
  std::string tree;
  if (parsed.error == nullptr && parsed.parse_tree != nullptr) tree = parsed.parse_tree;
  pg_query_free_parse_result(parsed);
  try {
    const Json json = Json::parse(tree, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) return std::nullopt;
    const Json& statements = Child(json, "stmts");
    if (statements.size() != 1) return std::nullopt;
    const Json& node = Child(statements[0], "stmt");
    const StatementClass result = ClassifyNode(node, *new_tables);
    Track(node, result, new_tables);
    return result;
  } catch (const std::exception&) {
    // A tree of another shape than grammar 15 has: not analysed.
    return std::nullopt;
  }
}

}  // namespace lockstep::sql
