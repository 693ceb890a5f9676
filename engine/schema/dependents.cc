// What hangs on tables: triggers, policies, rules, views' sources, sequences of columns.
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"

namespace lockstep::schema {
namespace {

using sql::model::Policy;
using sql::model::Relation;
using sql::model::Trigger;

// The columns of its own table that an object depends on, as an array of numbers: what the
// expressions in it read, and the columns that it names.
std::string ColumnsOf(absl::string_view catalog, absl::string_view id, absl::string_view table) {
  return absl::StrCat(
      "(SELECT pg_catalog.string_agg(DISTINCT d.refobjsubid::pg_catalog.text, ' ')"
      "   FROM pg_catalog.pg_depend d"
      "  WHERE d.classid = 'pg_catalog.",
      catalog, "'::pg_catalog.regclass AND d.objid = ", id,
      "    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
      "    AND d.refobjid = ",
      table, " AND d.refobjsubid > 0)");
}

// Which columns of which relations a view reads. One without columns stands for a relation of which
// no column is read (`SELECT count(*)`).
absl::Status ReadViews(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT DISTINCT r.ev_class, d.refobjid, d.refobjsubid"
                                " FROM pg_catalog.pg_rewrite r"
                                " JOIN pg_catalog.pg_class c ON c.oid = r.ev_class"
                                " JOIN pg_catalog.pg_depend d"
                                "   ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"
                                "   AND d.objid = r.oid"
                                "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                                "   AND d.refobjid <> r.ev_class"
                                " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                                "   AND r.rulename = '_RETURN'"));
  for (const postgres::Row& row : result.rows) {
    Relation* const view = reader.Find(row.Long(0));
    const Relation* const source = reader.Find(row.Long(1));
    if (view == nullptr || source == nullptr) continue;
    std::set<std::string>& columns = view->view_reads[source->name];
    if (row.Int(2) == 0) continue;
    for (std::string& column : reader.AttributesOf(row.Long(1), row.Text(2))) {
      columns.insert(std::move(column));
    }
  }
  return absl::OkStatus();
}

std::set<std::string> Columns(Reader& reader, Oid table, const std::string& numbers) {
  const std::vector<std::string> names = reader.AttributesOf(table, numbers);
  return {names.begin(), names.end()};
}

}  // namespace

absl::Status ReadTriggers(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query(absl::StrCat(
                       "SELECT t.tgrelid, t.tgname, t.tgenabled <> 'D', ",
                       ColumnsOf("pg_trigger", "t.oid", "t.tgrelid"),
                       ", n.nspname, p.proname"
                       " FROM pg_catalog.pg_trigger t"
                       " JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
                       " JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid"
                       " JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
                       " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                       // Before 15 the copies of a trigger on partitions are internal too.
                       "   AND (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0))"
                       " ORDER BY t.tgrelid, t.tgname")));
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    relation->triggers.push_back({.name = row.Text(1),
                                  .columns = Columns(reader, row.Long(0), row.Text(3)),
                                  .function = {row.Text(4), row.Text(5)},
                                  .enabled = row.Bool(2)});
  }
  return absl::OkStatus();
}

absl::Status ReadPolicies(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query(absl::StrCat("SELECT p.polrelid, p.polname, p.polpermissive, ",
                                             ColumnsOf("pg_policy", "p.oid", "p.polrelid"),
                                             " FROM pg_catalog.pg_policy p"
                                             " JOIN pg_catalog.pg_class c ON c.oid = p.polrelid"
                                             " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                                             " ORDER BY p.polrelid, p.polname")));
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    relation->policies.push_back({.name = row.Text(1),
                                  .columns = Columns(reader, row.Long(0), row.Text(3)),
                                  .permissive = row.Bool(2)});
  }
  return absl::OkStatus();
}

absl::Status ReadRules(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT r.ev_class, r.rulename FROM pg_catalog.pg_rewrite r"
                                " JOIN pg_catalog.pg_class c ON c.oid = r.ev_class"
                                " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"));
  bool views = false;
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    if (row.Text(1) == "_RETURN") {
      views = true;
    } else {
      relation->rules.insert(row.Text(1));
    }
  }
  return views ? ReadViews(reader) : absl::OkStatus();
}

absl::Status ReadSequences(Reader& reader) {
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query("SELECT c.oid, d.refobjid, d.refobjsubid"
                   " FROM pg_catalog.pg_class c"
                   " JOIN pg_catalog.pg_depend d"
                   "   ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                   "   AND d.objid = c.oid AND d.objsubid = 0"
                   "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                   "   AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')"
                   " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[]) AND c.relkind = 'S'"));
  for (const postgres::Row& row : result.rows) {
    Relation* const sequence = reader.Find(row.Long(0));
    const Relation* const table = reader.Find(row.Long(1));
    if (sequence == nullptr || table == nullptr) continue;
    sequence->owned_by = {table->name, reader.AttributesOf(row.Long(1), row.Text(2))[0]};
  }
  return absl::OkStatus();
}

}  // namespace lockstep::schema
