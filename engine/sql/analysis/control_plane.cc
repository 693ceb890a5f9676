#include "engine/sql/analysis/control_plane.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

constexpr absl::string_view kSchema = "lockstep";
constexpr absl::string_view kMessage =
    "names the schema lockstep, where the history and the fence of migrations are kept";

// A string in a string in a DO block: more is nobody's migration.
constexpr int kMaxNesting = 6;

// Whether `text` can name the schema at all: nearly every statement ends here. Identifiers in U&
// form may spell it in escapes.
bool MayName(absl::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(text[i]));
    if (c == 'l' && absl::EqualsIgnoreCase(text.substr(i, kSchema.size()), kSchema)) return true;
    if (c == 'u' && text[i + 1] == '&') return true;
  }
  return false;
}

// An identifier as PostgreSQL folds it.
bool IsSchema(absl::string_view identifier) {
  if (absl::ConsumePrefix(&identifier, "\"")) {
    return absl::ConsumeSuffix(&identifier, "\"") && identifier == kSchema;
  }
  return absl::EqualsIgnoreCase(identifier, kSchema);
}

// `lockstep.` or "lockstep" . in SQL of any language, also in the strings in there. Returns where.
std::optional<size_t> FindInText(absl::string_view text, int nesting) {
  if (nesting == kMaxNesting || !MayName(text)) return std::nullopt;
  const std::vector<Token> tokens = Tokenize(text);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const absl::string_view part = TextOf(text, tokens[i]);
    const bool identifier =
        tokens[i].kind == TokenKind::kWord || tokens[i].kind == TokenKind::kQuotedIdentifier;
    if (identifier && IsSchema(part) && i + 1 < tokens.size() &&
        TextOf(text, tokens[i + 1]) == ".") {
      return tokens[i].offset;
    }
    const bool string =
        tokens[i].kind == TokenKind::kString || tokens[i].kind == TokenKind::kDollarString;
    // Without its first and last byte a string is text that reads like SQL.
    if (string && part.size() > 2 &&
        FindInText(part.substr(1, part.size() - 2), nesting + 1).has_value()) {
      return tokens[i].offset;
    }
  }
  return std::nullopt;
}

// The text 'lockstep.history', "lockstep".history or, for search_path, 'a, lockstep'.
bool TextNamesSchema(absl::string_view text, bool list) {
  text = absl::StripAsciiWhitespace(text);
  if (list) {
    while (!text.empty()) {
      const size_t comma = text.find(',');
      if (IsSchema(absl::StripAsciiWhitespace(text.substr(0, comma)))) return true;
      text.remove_prefix(comma == absl::string_view::npos ? text.size() : comma + 1);
    }
    return false;
  }
  const size_t dot = text.find('.');
  return dot != absl::string_view::npos &&
         IsSchema(absl::StripAsciiWhitespace(text.substr(0, dot)));
}

// Lists of columns: somebody may call one so.
constexpr std::array<absl::string_view, 7> kColumnLists = {
    "fields", "fk_attrs", "pk_attrs", "keys", "columns", "attlist", "colnames"};

bool IsNamed(Node node) { return node.text() == kSchema; }

class Names {
 public:
  // `statement` is the typed node.
  explicit Names(Node statement) {
    statement.body().ForEachField([&](absl::string_view name, Node value) {
      if (name == "renameType" || name == "removeType" || name == "objtype" ||
          name == "objectType" || name == "targtype" || name == "kind") {
        about_schema_ |= absl::StrContains(value.text(), "SCHEMA");
      }
    });
  }

  bool In(absl::string_view name, Node node) const {
    if (name == "schemaname" || name == "newschema" || name == "local_schema") {
      return IsNamed(node);
    }
    if (name == "subname" || name == "newname" || name == "name" || name == "object") {
      return (about_schema_ && IsNamed(node)) || InList(name, node);
    }
    if (name == "FuncCall") return InCall(node);
    if (name == "TypeCast") {
      const Node constant = node["arg"].As("A_Const");
      return constant && absl::StartsWith(model::NameOf(node["typeName"]).name, "reg") &&
             TextNamesSchema(constant["sval"]["sval"].text(), false);
    }
    if (name == "VariableSetStmt") return InSetting(node);
    if (name == "DefElem") return InOption(node);
    if (name == "PublicationObjSpec") {
      return absl::StrContains(node["pubobjtype"].text(), "SCHEMA") && IsNamed(node["name"]);
    }
    return InList(name, node);
  }

 private:
  static bool InCall(Node call) {
    const bool config = model::NameOf(call["funcname"]).name == "set_config";
    for (const Node argument : call["args"].Items()) {
      const Node constant = argument.As("A_Const");
      if (constant && TextNamesSchema(constant["sval"]["sval"].text(), config)) return true;
    }
    return false;  // Its name is a list.
  }

  static bool InSetting(Node set) {
    if (!absl::EqualsIgnoreCase(set["name"].text(), "search_path")) return false;
    for (const Node value : set["args"].Items()) {
      if (TextNamesSchema(value.text(), true)) return true;
    }
    return false;
  }

  // CREATE EXTENSION ... SCHEMA; AS 'the body of a function'.
  static bool InOption(Node option) {
    const absl::string_view name = option["defname"].text();
    const Node value = option["arg"];
    if (name == "schema") return IsNamed(value);
    if (name != "as" && name != "schemas") return false;
    for (const Node part : value.Items()) {
      if (name == "schemas" ? IsNamed(part) : FindInText(part.text(), 0).has_value()) return true;
    }
    return name == "as" && FindInText(value.text(), 0).has_value();
  }

  // Names in several parts, and lists of schemas.
  bool InList(absl::string_view name, Node node) const {
    const std::vector<Node> parts = node.Items();
    if (name == "fields") return parts.size() > 2 && IsNamed(parts[parts.size() - 3]);
    if (std::find(kColumnLists.begin(), kColumnLists.end(), name) != kColumnLists.end()) {
      return false;
    }
    if (parts.size() > 1 && parts[0].type() == "String" && IsNamed(parts[0])) return true;
    if (name != "objects" || !about_schema_) return false;
    return std::any_of(parts.begin(), parts.end(), IsNamed);
  }

  bool about_schema_ = false;
};

}  // namespace

void CheckControlPlane(Node statement, StatementContext& context) {
  if (!MayName(context.text)) return;
  const Names names(statement);
  bool found = false;
  Walk(statement, [&](absl::string_view name, Node node) {
    if (!found && names.In(name, node)) {
      found = true;
      context.Refuse(Rule::kControlPlaneWrite, node, std::string(kMessage));
    }
    return !found;
  });
}

void CheckControlPlaneText(absl::string_view text, std::vector<Finding>* findings) {
  if (const std::optional<size_t> at = FindInText(text, 0)) {
    findings->push_back({.rule = Rule::kControlPlaneWrite,
                         .severity = InfoOf(Rule::kControlPlaneWrite).severity,
                         .offset = *at,
                         .message = std::string(kMessage),
                         .refusal = true});
  }
}

}  // namespace lockstep::sql
