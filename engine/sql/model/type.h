// A column's type as the catalog knows it.
#ifndef LOCKSTEP_ENGINE_SQL_MODEL_TYPE_H_
#define LOCKSTEP_ENGINE_SQL_MODEL_TYPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/sql/tree.h"

namespace lockstep::sql::model {

struct Type {
  std::string schema;              // "pg_catalog" for built-in ones; "" when written without one.
  std::string name;                // pg_type.typname: "int4", "varchar", "timestamptz", "mood".
  std::vector<int64_t> modifiers;  // varchar(50): {50}; numeric(10,2): {10, 2}; none: empty.
  bool array = false;              // Of that type; PostgreSQL ignores the number of dimensions.
  std::string collation;           // When another one than the type's own; unqualified name.

  bool operator==(const Type&) const = default;
  bool known() const { return !name.empty(); }
  // Of pg_catalog, and not an array.
  bool Is(absl::string_view builtin) const;
};

// The type that a TypeName node names (the unwrapped body). The grammar has turned `integer` into
// pg_catalog.int4 already; this turns `text`, `jsonb` and other names of built-in types into
// pg_catalog's, and the serial pseudo-types into "serial", "bigserial", "smallserial" with schema
// "pg_catalog".
Type TypeOf(Node type_name);

// "numeric(10,2)", "text[]", "app.mood": for messages.
std::string TypeText(const Type& type);

}  // namespace lockstep::sql::model

#endif  // LOCKSTEP_ENGINE_SQL_MODEL_TYPE_H_
