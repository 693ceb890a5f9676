#include "engine/sql/model/type.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::sql::model {
namespace {

constexpr char kCatalog[] = "pg_catalog";

// What pg_catalog.pg_type holds for columns, arguments and results; sorted. pg_catalog is searched
// before every other schema, so that a bare name of these means nothing else.
constexpr absl::string_view kBuiltin[] = {
    "aclitem",
    "any",
    "anyarray",
    "anycompatible",
    "anyelement",
    "anyenum",
    "anymultirange",
    "anynonarray",
    "anyrange",
    "bit",
    "bool",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cid",
    "cidr",
    "circle",
    "cstring",
    "date",
    "datemultirange",
    "daterange",
    "event_trigger",
    "float4",
    "float8",
    "gtsvector",
    "inet",
    "int2",
    "int2vector",
    "int4",
    "int4multirange",
    "int4range",
    "int8",
    "int8multirange",
    "int8range",
    "internal",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "language_handler",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "record",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "trigger",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "varbit",
    "varchar",
    "void",
    "xid",
    "xid8",
    "xml",
};

struct Alias {
  absl::string_view name;
  absl::string_view meaning;
};

// Names that only the definition of a column knows.
constexpr Alias kSerials[] = {
    {"serial", "serial"},     {"serial2", "smallserial"}, {"serial4", "serial"},
    {"serial8", "bigserial"}, {"bigserial", "bigserial"}, {"smallserial", "smallserial"},
};

// How people write what the catalog calls otherwise.
constexpr Alias kSpellings[] = {
    {"int2", "smallint"}, {"int4", "integer"}, {"int8", "bigint"},
    {"bool", "boolean"},  {"float4", "real"},  {"float8", "double precision"},
    {"bpchar", "char"},
};

bool IsBuiltin(absl::string_view name) {
  return std::binary_search(std::begin(kBuiltin), std::end(kBuiltin), name);
}

void NameBuiltin(Type* type) {
  const auto serial = std::find_if(std::begin(kSerials), std::end(kSerials),
                                   [&](const Alias& alias) { return alias.name == type->name; });
  if (type->schema.empty() && serial != std::end(kSerials)) {
    type->schema = kCatalog;
    type->name = std::string(serial->meaning);
    return;
  }
  if (type->name.starts_with('_') && IsBuiltin(absl::string_view(type->name).substr(1))) {
    type->name.erase(0, 1);  // The catalog's own name of an array type.
    type->array = true;
  }
  if (type->schema.empty() && IsBuiltin(type->name)) type->schema = kCatalog;
}

}  // namespace

bool Type::Is(absl::string_view builtin) const {
  return !array && schema == kCatalog && name == builtin;
}

Type TypeOf(Node type_name) {
  Type type;
  const std::vector<Node> names = type_name["names"].Items();
  if (!names.empty()) type.name = std::string(names.back().text());
  if (names.size() > 1) type.schema = std::string(names[names.size() - 2].text());
  type.array = type_name["arrayBounds"].size() > 0;
  for (const Node modifier : type_name["typmods"].Items()) {
    type.modifiers.push_back(modifier.number());
  }
  NameBuiltin(&type);
  if (type.schema == kCatalog && type.name == "numeric" && type.modifiers.size() == 1) {
    type.modifiers.push_back(0);  // numeric(5) is numeric(5,0).
  }
  return type;
}

std::string TypeText(const Type& type) {
  std::string text;
  if (type.schema == kCatalog) {
    const auto spelling = std::find_if(std::begin(kSpellings), std::end(kSpellings),
                                       [&](const Alias& alias) { return alias.name == type.name; });
    text = std::string(spelling == std::end(kSpellings) ? absl::string_view(type.name)
                                                        : spelling->meaning);
  } else {
    text = type.schema.empty() || type.schema == "public"
               ? type.name
               : absl::StrCat(type.schema, ".", type.name);
  }
  // An interval's first modifier is a mask of its fields.
  const size_t first = type.name == "interval" && type.schema == kCatalog ? 1 : 0;
  if (type.modifiers.size() > first) {
    absl::StrAppend(&text, "(",
                    absl::StrJoin(type.modifiers.begin() + static_cast<std::ptrdiff_t>(first),
                                  type.modifiers.end(), ","),
                    ")");
  }
  if (type.array) text += "[]";
  return text;
}

}  // namespace lockstep::sql::model
