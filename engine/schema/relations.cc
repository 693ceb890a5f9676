// Tables, views and sequences with their columns, and how they are built on each other.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"

namespace lockstep::schema {
namespace {

using sql::model::Column;
using sql::model::Generated;
using sql::model::Identity;
using sql::model::Relation;
using sql::model::RelationKind;

RelationKind KindOf(char relkind) {
  switch (relkind) {
    case 'p':
      return RelationKind::kPartitionedTable;
    case 'v':
      return RelationKind::kView;
    case 'm':
      return RelationKind::kMaterializedView;
    case 'S':
      return RelationKind::kSequence;
    case 'f':
      return RelationKind::kForeignTable;
    case 'c':
      return RelationKind::kCompositeType;
    default:
      return RelationKind::kTable;
  }
}

Relation RelationOf(const postgres::Row& row) {
  Relation relation;
  relation.name = {row.Text(1), row.Text(2)};
  relation.kind = KindOf(row.Text(3).empty() ? 'r' : row.Text(3)[0]);
  relation.unlogged = row.Bool(4);
  relation.row_security = row.Bool(5);
  relation.force_row_security = row.Bool(6);
  relation.is_partition = row.Bool(7);
  relation.owner = row.Text(8);
  relation.access_method = row.Text(9);
  relation.tablespace = row.Text(10);
  if (!row.IsNull(11)) relation.rows = row.Long(11);
  if (!row.IsNull(12)) relation.bytes = row.Long(12);
  return relation;
}

Column ColumnOf(Reader& reader, const postgres::Row& row) {
  Column column;
  column.name = row.Text(2);
  column.type = reader.TypeOf(row.Long(3), row.Long(4));
  column.type.collation = row.Text(5);
  column.not_null = row.Bool(6);
  const std::string &generated = row.Text(8), &identity = row.Text(9);
  if (generated == "s") column.generated = Generated::kStored;
  if (generated == "v") column.generated = Generated::kVirtual;
  if (identity == "a") column.identity = Identity::kAlways;
  if (identity == "d") column.identity = Identity::kByDefault;
  column.has_default = row.Bool(7) || column.identity != Identity::kNo;
  return column;
}

// What generated columns read. Which of the two objects depends on the columns that are read
// changed with the versions.
absl::Status ReadGenerated(Reader& reader) {
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query(
          "SELECT DISTINCT a.attrelid, a.attnum, d.refobjsubid"
          " FROM pg_catalog.pg_attribute a"
          " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
          " JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum"
          " JOIN pg_catalog.pg_depend d ON d.refclassid = "
          "'pg_catalog.pg_class'::pg_catalog.regclass"
          "   AND d.refobjid = a.attrelid AND d.refobjsubid > 0 AND d.refobjsubid <> a.attnum"
          "   AND ((d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
          "         AND d.objid = a.attrelid AND d.objsubid = a.attnum)"
          "     OR (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid))"
          " WHERE a.attgenerated <> '' AND c.relnamespace = ANY ($1::pg_catalog.oid[])"
          " ORDER BY 1, 2, 3"));
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    Column* const column = relation->FindColumn(reader.AttributesOf(row.Long(0), row.Text(1))[0]);
    const std::string read = reader.AttributesOf(row.Long(0), row.Text(2))[0];
    if (column != nullptr && !read.empty()) column->reads.push_back(read);
  }
  return absl::OkStatus();
}

absl::Status ReadPartitioned(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT p.partrelid, p.partattrs::pg_catalog.text, p.partdefid"
                                " FROM pg_catalog.pg_partitioned_table p"
                                " JOIN pg_catalog.pg_class c ON c.oid = p.partrelid"
                                " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"));
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    relation->partition_key = reader.AttributesOf(row.Long(0), row.Text(1));
    if (const Relation* partition = reader.Find(row.Long(2))) {
      relation->default_partition = partition->name;
    }
  }
  return absl::OkStatus();
}

// A partitioned table is as large as its partitions; unknown when one of them is.
void SumPartitions(sql::model::Database& db) {
  for (auto& [name, relation] : db.relations) {
    if (relation.kind != RelationKind::kPartitionedTable) continue;
    relation.rows = 0;
    relation.bytes = 0;
    for (const Relation* part : db.Descendants(relation)) {
      if (part->kind == RelationKind::kPartitionedTable) continue;
      const bool known = relation.rows >= 0 && part->rows >= 0 && part->bytes >= 0;
      relation.rows = known ? relation.rows + part->rows : -1;
      relation.bytes = known ? relation.bytes + part->bytes : -1;
    }
  }
}

}  // namespace

absl::Status ReadRelations(Reader& reader) {
  // Before 14 a table that was never looked at has no rows on record, as an empty one.
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query(absl::StrCat(
          "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u',"
          "   c.relrowsecurity, c.relforcerowsecurity, c.relispartition,"
          "   pg_catalog.pg_get_userbyid(c.relowner),"
          "   CASE WHEN a.amname <> pg_catalog.current_setting('default_table_access_method')"
          "        THEN a.amname END,"
          "   s.spcname,"
          "   CASE WHEN ",
          reader.db.server_version >= 140000 ? "c.reltuples >= 0" : "c.relpages > 0",
          "        THEN c.reltuples::pg_catalog.int8"
          "        WHEN c.relkind IN ('r', 'm')"
          "        THEN pg_catalog.pg_stat_get_live_tuples(c.oid) END,"
          "   CASE WHEN ",
          reader.db.server_version >= 140000 ? "c.reltuples >= 0" : "c.relpages > 0",
          "        THEN (c.relpages::pg_catalog.int8 + coalesce(t.relpages, 0))"
          "             * pg_catalog.current_setting('block_size')::pg_catalog.int8"
          "        WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) END,"
          "   y.typname, m.nspname"
          " FROM pg_catalog.pg_class c"
          " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
          " LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam"
          " LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace"
          " LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid"
          " LEFT JOIN pg_catalog.pg_type y ON y.oid = c.reloftype"
          " LEFT JOIN pg_catalog.pg_namespace m ON m.oid = y.typnamespace"
          " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
          "   AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')")));
  reader.db.relations.reserve(result.rows.size());
  reader.relations.reserve(result.rows.size());
  for (const postgres::Row& row : result.rows) {
    Relation relation = RelationOf(row);
    if (!row.IsNull(13)) relation.of_type = {row.Text(14), row.Text(13)};
    reader.relations[row.Long(0)].relation = &reader.db.Add(std::move(relation));
  }
  return absl::OkStatus();
}

absl::Status ReadColumns(Reader& reader) {
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query("SELECT a.attrelid, a.attisdropped, a.attname, a.atttypid, a.atttypmod,"
                   "   CASE WHEN a.attcollation <> t.typcollation THEN l.collname END,"
                   "   a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity"
                   " FROM pg_catalog.pg_attribute a"
                   " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
                   " LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
                   " LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation"
                   " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0"
                   "   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')"
                   " ORDER BY a.attrelid, a.attnum"));
  Reader::ReadRelation* entry = nullptr;
  Oid current = 0;
  bool generated = false;
  for (const postgres::Row& row : result.rows) {
    if (row.Long(0) != current) {
      current = row.Long(0);
      const auto found = reader.relations.find(current);
      entry = found == reader.relations.end() ? nullptr : &found->second;
    }
    if (entry == nullptr) continue;
    const bool dropped = row.Bool(1);
    entry->attributes.push_back(dropped ? "" : row.Text(2));
    if (dropped) continue;
    entry->relation->columns.push_back(ColumnOf(reader, row));
    generated |= entry->relation->columns.back().generated != Generated::kNo;
  }
  return generated ? ReadGenerated(reader) : absl::OkStatus();
}

absl::Status ReadInheritance(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i"
                                " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
                                " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                                "   AND c.relkind IN ('r', 'p', 'f')"
                                " ORDER BY i.inhrelid, i.inhseqno"));
  for (const postgres::Row& row : result.rows) {
    Relation* const child = reader.Find(row.Long(0));
    Relation* const parent = reader.Find(row.Long(1));
    if (child == nullptr || parent == nullptr) continue;
    child->parents.push_back(parent->name);
    parent->children.push_back(child->name);
  }
  RETURN_IF_ERROR(ReadPartitioned(reader));
  SumPartitions(reader.db);
  return absl::OkStatus();
}

}  // namespace lockstep::schema
