// Types: what their object ids mean, and those that people define.
#include <map>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"

namespace lockstep::schema {
namespace {

using sql::model::Type;
using sql::model::TypeDefinition;
using sql::model::TypeKind;

// The modifier of a type with a length counts the header of a value.
constexpr int64_t kHeader = 4;
// INTERVAL_FULL_PRECISION: no precision was given.
constexpr int64_t kFullPrecision = 0xFFFF;

std::vector<int64_t> NumericModifiers(int64_t modifier, int server_version) {
  const int64_t value = modifier - kHeader;
  const int64_t precision = (value >> 16) & 0xFFFF;
  // From 15 on the scale has eleven bits and a sign.
  const int64_t scale =
      server_version >= 150000 ? ((value & 0x7FF) ^ 0x400) - 0x400 : value & 0xFFFF;
  return {precision, scale};
}

TypeKind KindOf(const std::string& typtype) {
  static const auto* const kinds = new std::map<std::string, TypeKind>{{"d", TypeKind::kDomain},
                                                                       {"e", TypeKind::kEnum},
                                                                       {"c", TypeKind::kComposite},
                                                                       {"r", TypeKind::kRange}};
  const auto found = kinds->find(typtype);
  return found == kinds->end() ? TypeKind::kBase : found->second;
}

absl::Status ReadLabels(Reader& reader, absl::flat_hash_map<Oid, TypeDefinition*>& defined) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.connection.Query("SELECT e.enumtypid, e.enumlabel"
                                           " FROM pg_catalog.pg_enum e"
                                           " ORDER BY e.enumtypid, e.enumsortorder"));
  for (const postgres::Row& row : result.rows) {
    const auto found = defined.find(row.Long(0));
    if (found != defined.end()) found->second->labels.push_back(row.Text(1));
  }
  return absl::OkStatus();
}

absl::Status ReadDomainConstraints(Reader& reader,
                                   absl::flat_hash_map<Oid, TypeDefinition*>& defined) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.connection.Query("SELECT c.contypid, c.conname, c.convalidated"
                                           " FROM pg_catalog.pg_constraint c"
                                           " WHERE c.contypid <> 0 AND c.contype = 'c'"
                                           " ORDER BY c.contypid, c.oid"));
  for (const postgres::Row& row : result.rows) {
    const auto found = defined.find(row.Long(0));
    if (found == defined.end()) continue;
    found->second->constraints.push_back({.name = row.Text(1), .valid = row.Bool(2)});
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<int64_t> ModifiersOf(const Type& type, int64_t modifier, int server_version) {
  if (modifier < 0) return {};
  if (type.schema != "pg_catalog") return {modifier};
  if (type.name == "varchar" || type.name == "bpchar") return {modifier - kHeader};
  if (type.name == "numeric") return NumericModifiers(modifier, server_version);
  if (type.name == "interval") {
    const int64_t precision = modifier & 0xFFFF, range = (modifier >> 16) & 0x7FFF;
    if (precision == kFullPrecision) return {range};
    return {range, precision};
  }
  return {modifier};
}

Type Reader::TypeOf(Oid id, int64_t modifier) {
  const auto found = types.find(id);
  if (found == types.end()) return {};
  Type type = found->second;
  type.modifiers = ModifiersOf(type, modifier, db.server_version);
  return type;
}

absl::Status ReadTypes(Reader& reader) {
  // The element of a true array; of point, name and their like there is an element too.
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query("SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, t.typtypmod,"
                   "   t.typnotnull, e.oid, t.typnamespace = ANY ($1::pg_catalog.oid[])"
                   "     AND e.oid IS NULL AND t.typtype <> 'm'"
                   "     AND (t.typrelid = 0 OR c.relkind = 'c'),"
                   "   CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation"
                   "        THEN l.collname END"
                   " FROM pg_catalog.pg_type t"
                   " JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
                   " LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid"
                   " LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid"
                   " LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype"
                   " LEFT JOIN pg_catalog.pg_collation l ON l.oid = t.typcollation"));
  std::vector<std::pair<Oid, Oid>> arrays;
  for (const postgres::Row& row : result.rows) {
    if (!row.IsNull(7)) {
      arrays.emplace_back(row.Long(0), row.Long(7));
    } else {
      reader.types[row.Long(0)] = {.schema = row.Text(1), .name = row.Text(2)};
    }
  }
  for (const auto& [array, element] : arrays) {
    Type type = reader.types[element];
    type.array = true;
    reader.types[array] = std::move(type);
  }
  absl::flat_hash_map<Oid, TypeDefinition*> defined;
  for (const postgres::Row& row : result.rows) {
    if (!row.Bool(8)) continue;
    TypeDefinition type{.name = {row.Text(1), row.Text(2)}, .kind = KindOf(row.Text(3))};
    if (type.kind == TypeKind::kDomain) {
      type.base = reader.TypeOf(row.Long(4), row.Long(5));
      type.base.collation = row.Text(9);
      type.not_null = row.Bool(6);
    }
    const sql::model::Name name = type.name;
    defined[row.Long(0)] = &(reader.db.types[name] = std::move(type));
  }
  RETURN_IF_ERROR(ReadLabels(reader, defined));
  return ReadDomainConstraints(reader, defined);
}

}  // namespace lockstep::schema
