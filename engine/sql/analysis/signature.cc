#include "engine/sql/analysis/signature.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace lockstep::sql {
namespace {

using model::Function;
using model::Type;

// The type of `table.column%TYPE` is the column's.
Type ArgumentType(Node type_name, const model::Database& database) {
  Type type = model::TypeOf(type_name);
  if (!type_name["pct_type"].flag()) return type;
  const std::vector<Node> parts = type_name["names"].Items();
  if (parts.size() < 2) return {};
  model::Name table{.name = std::string(parts[parts.size() - 2].text())};
  if (parts.size() > 2) table.schema = std::string(parts[parts.size() - 3].text());
  const model::Relation* relation = database.FindRelation(table);
  const model::Column* column =
      relation == nullptr ? nullptr : relation->FindColumn(parts.back().text());
  return column == nullptr ? Type() : column->type;
}

void AddParameters(Node parameters, const model::Database& database, Function* function) {
  for (const Node item : parameters.Items()) {
    const Node parameter = item.As("FunctionParameter");
    const absl::string_view mode = parameter["mode"].text();
    const std::string name(parameter["name"].text());
    const Type type = ArgumentType(parameter["argType"], database);
    if (mode != "FUNC_PARAM_OUT" && mode != "FUNC_PARAM_TABLE") {
      function->arguments.push_back(type);
      function->argument_names.push_back(name);
      function->defaults += parameter["defexpr"] ? 1 : 0;
      function->variadic |= mode == "FUNC_PARAM_VARIADIC";
    }
    if (mode == "FUNC_PARAM_OUT" || mode == "FUNC_PARAM_TABLE" || mode == "FUNC_PARAM_INOUT") {
      function->outputs.emplace_back(name, type);
    }
  }
}

model::Volatility ParseVolatility(absl::string_view word) {
  if (word == "immutable") return model::Volatility::kImmutable;
  return word == "stable" ? model::Volatility::kStable : model::Volatility::kVolatile;
}

// From how many arguments a call can have to how many.
std::pair<size_t, size_t> CallSizes(const Function& function) {
  const size_t count = function.arguments.size();
  const size_t most = function.variadic ? std::numeric_limits<size_t>::max() : count;
  const size_t optional = static_cast<size_t>(function.defaults) + (function.variadic ? 1 : 0);
  return {count - std::min(count, optional), most};
}

}  // namespace

Function FunctionOf(Node create_function, const model::Database& database) {
  Function function{.kind = create_function["is_procedure"].flag() ? 'p' : 'f', .is_new = true};
  AddParameters(create_function["parameters"], database, &function);
  if (const Node result = create_function["returnType"]) {
    function.result = ArgumentType(result, database);
    function.returns_set = result["setof"].flag();
  }
  if (function.kind == 'p') {
    // However few OUT arguments it has, they make a row.
    function.result = {};
    if (function.outputs.empty()) function.result = {.schema = "pg_catalog", .name = "void"};
  } else if (function.outputs.size() == 1) {
    // One column is no row.
    function.result = function.outputs.front().second;
    function.outputs.clear();
  } else if (function.outputs.size() > 1) {
    function.result = {};
  }
  for (const Node item : create_function["options"].Items()) {
    const Node option = item.As("DefElem");
    const absl::string_view name = option["defname"].text();
    if (name == "language") function.language = std::string(option["arg"].text());
    if (name == "volatility") function.volatility = ParseVolatility(option["arg"].text());
    if (name == "window") function.kind = 'w';
    if (name == "as") function.body = std::string(option["arg"].At(0).text());
  }
  if (create_function["sql_body"]) function.language = "sql";
  return function;
}

Function AggregateOf(Node define, const model::Database& database) {
  Function function{.kind = 'a', .is_new = true};
  AddParameters(define["args"].At(0), database, &function);
  // Volatility of the functions behind it counts, not its own.
  function.volatility = model::Volatility::kImmutable;
  function.language = "internal";
  return function;
}

bool SameArgument(const Type& a, const Type& b) {
  if (a.name != b.name || a.array != b.array) return false;
  return a.schema == b.schema || a.schema.empty() || b.schema.empty();
}

bool SameArguments(const std::vector<Type>& a, const std::vector<Type>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameArgument);
}

const Function* FindFunction(const std::vector<Function>& overloads, Node object_with_args) {
  if (object_with_args["args_unspecified"].flag()) {
    return overloads.size() == 1 ? &overloads.front() : nullptr;
  }
  std::vector<Type> arguments;
  for (const Node argument : object_with_args["objargs"].Items()) {
    arguments.push_back(model::TypeOf(argument.As("TypeName")));
  }
  const auto found = std::find_if(
      overloads.begin(), overloads.end(),
      [&](const Function& function) { return SameArguments(function.arguments, arguments); });
  return found == overloads.end() ? nullptr : &*found;
}

bool CallsOverlap(const Function& a, const Function& b) {
  const auto [a_least, a_most] = CallSizes(a);
  const auto [b_least, b_most] = CallSizes(b);
  return a_least <= b_most && b_least <= a_most;
}

}  // namespace lockstep::sql
