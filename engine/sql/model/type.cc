#include "engine/sql/model/type.h"

namespace lockstep::sql::model {

bool Type::Is(absl::string_view builtin) const {
  return !array && schema == "pg_catalog" && name == builtin;
}

Type TypeOf(Node type_name) {
  Type type;
  const std::vector<Node> names = type_name["names"].Items();
  if (!names.empty()) type.name = std::string(names.back().text());
  if (names.size() > 1) type.schema = std::string(names[names.size() - 2].text());
  return type;
}

std::string TypeText(const Type& type) { return type.name; }

}  // namespace lockstep::sql::model
