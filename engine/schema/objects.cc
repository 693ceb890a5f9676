// What is no relation and no type: the server's settings, schemas, extensions, functions,
// publications.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"

namespace lockstep::schema {
namespace {

using sql::model::Function;
using sql::model::Publication;
using sql::model::Volatility;

bool IsInput(const std::string& mode) { return mode == "i" || mode == "b" || mode == "v"; }

// Modes and names cover all parameters, types only the input ones. Without modes all are input.
std::vector<std::string> InputNames(const std::vector<std::string>& names,
                                    const std::vector<std::string>& modes, size_t inputs) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < names.size(); ++i) {
    if (modes.empty() || IsInput(modes[i])) kept.push_back(names[i]);
  }
  kept.resize(inputs);
  return kept;
}

Volatility VolatilityOf(const std::string& provolatile) {
  if (provolatile == "i") return Volatility::kImmutable;
  return provolatile == "s" ? Volatility::kStable : Volatility::kVolatile;
}

Function FunctionOf(Reader& reader, const postgres::Row& row) {
  Function function;
  function.name = {reader.schema_names[row.Long(0)], row.Text(1)};
  function.kind = row.Text(2).empty() ? 'f' : row.Text(2)[0];
  function.volatility = VolatilityOf(row.Text(3));
  for (const absl::string_view id : absl::StrSplit(row.Text(4), ' ', absl::SkipEmpty())) {
    Oid type = 0;
    if (absl::SimpleAtoi(id, &type)) function.arguments.push_back(reader.TypeOf(type));
  }
  function.defaults = row.Int(5);
  function.returns_set = row.Bool(6);
  const std::vector<std::string> modes = row.TextArray(8);
  constexpr Oid kRecord = 2249;
  if (row.Long(7) != kRecord || modes.empty()) function.result = reader.TypeOf(row.Long(7));
  function.argument_names = InputNames(row.TextArray(9), modes, function.arguments.size());
  function.language = row.Text(10);
  function.body = row.Text(11);
  return function;
}

}  // namespace

absl::Status ReadServer(Reader& reader) {
  reader.db.server_version = reader.connection.server_version();
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.connection.Query("SELECT pg_catalog.current_setting('TimeZone')"));
  reader.db.settings["timezone"] = result.only().Text(0);
  return absl::OkStatus();
}

absl::Status ReadSchemas(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.connection.Query("SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n"
                                           " WHERE n.nspname <> 'information_schema'"
                                           "   AND n.nspname NOT LIKE 'pg\\_%'"));
  reader.db.schemas.clear();
  for (const postgres::Row& row : result.rows) {
    reader.db.schemas.insert(row.Text(1));
    if (row.Text(1) == "lockstep") continue;
    reader.schema_ids.push_back(row.Text(0));
    reader.schema_names[row.Long(0)] = row.Text(1);
  }
  ASSIGN_OR_RETURN(const postgres::Result extensions,
                   reader.connection.Query("SELECT e.extname FROM pg_catalog.pg_extension e"));
  for (const postgres::Row& row : extensions.rows) reader.db.extensions.insert(row.Text(0));
  return absl::OkStatus();
}

absl::Status ReadFunctions(Reader& reader) {
  // Of what belongs to an extension nobody's migration is judged by the body.
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query("SELECT p.pronamespace, p.proname, p.prokind, p.provolatile,"
                   "   p.proargtypes::pg_catalog.text, p.pronargdefaults, p.proretset,"
                   "   p.prorettype, p.proargmodes, p.proargnames, l.lanname,"
                   "   CASE WHEN l.lanname NOT IN ('c', 'internal') AND d.objid IS NULL"
                   "        THEN p.prosrc END"
                   " FROM pg_catalog.pg_proc p"
                   " JOIN pg_catalog.pg_language l ON l.oid = p.prolang"
                   " LEFT JOIN pg_catalog.pg_depend d"
                   "   ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass"
                   "   AND d.objid = p.oid AND d.deptype = 'e'"
                   " WHERE p.pronamespace = ANY ($1::pg_catalog.oid[])"
                   " ORDER BY p.oid"));
  for (const postgres::Row& row : result.rows) {
    Function function = FunctionOf(reader, row);
    const sql::model::Name name = function.name;
    reader.db.functions[name].push_back(std::move(function));
  }
  return absl::OkStatus();
}

absl::Status ReadPublications(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result publications,
                   reader.connection.Query("SELECT p.oid, p.pubname, p.puballtables"
                                           " FROM pg_catalog.pg_publication p"));
  if (publications.empty()) return absl::OkStatus();
  absl::flat_hash_map<Oid, Publication*> by_id;
  for (const postgres::Row& row : publications.rows) {
    Publication& publication = reader.db.publications[row.Text(1)];
    publication.all_tables = row.Bool(2);
    by_id[row.Long(0)] = &publication;
  }
  std::string tables = "SELECT r.prpubid, r.prrelid FROM pg_catalog.pg_publication_rel r";
  if (reader.db.server_version >= 150000) {
    absl::StrAppend(&tables,
                    " UNION SELECT s.pnpubid, c.oid FROM pg_catalog.pg_publication_namespace s"
                    " JOIN pg_catalog.pg_class c ON c.relnamespace = s.pnnspid"
                    " WHERE c.relkind IN ('r', 'p')");
  }
  ASSIGN_OR_RETURN(const postgres::Result result, reader.connection.Query(tables));
  for (const postgres::Row& row : result.rows) {
    const sql::model::Relation* const relation = reader.Find(row.Long(1));
    const auto publication = by_id.find(row.Long(0));
    if (relation != nullptr && publication != by_id.end()) {
      publication->second->tables.insert(relation->name);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadStatistics(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT n.nspname, s.stxname, s.stxrelid"
                                " FROM pg_catalog.pg_statistic_ext s"
                                " JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace"
                                " WHERE s.stxnamespace = ANY ($1::pg_catalog.oid[])"));
  for (const postgres::Row& row : result.rows) {
    const sql::model::Relation* const relation = reader.Find(row.Long(2));
    if (relation != nullptr) {
      reader.db.statistics[{row.Text(0), row.Text(1)}] = relation->name;
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep::schema
