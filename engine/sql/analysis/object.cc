// Schemas, sequences and extensions.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

constexpr char kTemporarySchema[] = "pg_temp";
constexpr char kCreateOnDatabase[] = "CREATE on the database";
// initdb creates it in every database.
constexpr char kBuiltInExtension[] = "plpgsql";

// ---- Sequences.

// The column of OWNED BY; absent for NONE and when it is not given.
std::optional<std::pair<Name, std::string>> OwnerOf(Node list, StatementContext& context) {
  const std::vector<Node> parts = list.Items();
  if (parts.size() < 2) return std::nullopt;
  Name written{.name = std::string(parts[parts.size() - 2].text())};
  if (parts.size() > 2) written.schema = std::string(parts[parts.size() - 3].text());
  const Relation& table = context.Resolve(written);
  context.Lock(table, LockMode::kAccessShare);
  context.Touches(table, parts.back().text(), Effect::kRead);
  return std::make_pair(table.name, std::string(parts.back().text()));
}

void ApplyOptions(Node statement, Relation& sequence, StatementContext& context) {
  for (const Node item : statement["options"].Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() == "owned_by") {
      sequence.owned_by = OwnerOf(option["arg"], context);
    }
  }
  context.db.Note(sequence);
}

void CreateSequence(Node statement, StatementContext& context) {
  Relation made;
  made.name = context.db.NameForNew(model::NameOf(statement["sequence"]));
  made.kind = RelationKind::kSequence;
  made.temporary = statement["sequence"]["relpersistence"].text() == "t";
  made.unlogged = statement["sequence"]["relpersistence"].text() == "u";
  if (made.temporary) made.name.schema = kTemporarySchema;
  const bool guarded = statement["if_not_exists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  if (context.db.relations.contains(made.name)) {
    if (guarded) {
      context.facts.no_op = true;
    } else {
      context.Strengthen(Phase::kExpand);  // PostgreSQL refuses it.
    }
    return;
  }
  made.is_new = !guarded || context.db.complete;
  Relation& sequence = context.db.Add(std::move(made));
  context.Strengthen(Phase::kExpand);
  context.Touches(sequence, "", Effect::kCreate);
  ApplyOptions(statement, sequence, context);
}

// What an option of ALTER SEQUENCE does to those who call nextval.
void ClaimOption(absl::string_view name, Node value, Relation& sequence,
                 StatementContext& context) {
  if (name == "restart" || name == "as") {
    context.Strengthen(Phase::kData);
    const std::string restart =
        absl::StrCat("SELECT setval('", sequence.name.text(), "', greatest(last_value, ...)) FROM ",
                     sequence.name.text());
    context
        .ReportOn(sequence, Rule::kSequenceChange, Node(),
                  name == "restart"
                      ? absl::StrCat("sequence ", sequence.name.text(),
                                     " starts over, and may give keys that exist")
                      : absl::StrCat("the type of sequence ", sequence.name.text(),
                                     " sets other limits than running versions met before"))
        .hint = name == "restart" ? restart
                                  : "change the type of its column first, that of the sequence "
                                    "to the same one after";
    return;
  }
  // Clients that reserve numbers in blocks count on the increment; limits make nextval fail.
  const bool limit = (name == "maxvalue" || name == "minvalue") && value;
  if (limit || name == "increment" || name == "cycle") {
    context.StrengthenOn(sequence, Phase::kContract, ContractKind::kReshape);
  }
}

void AlterSequence(Node statement, StatementContext& context) {
  const Name written = model::NameOf(statement["sequence"]);
  const bool guarded = statement["missing_ok"].flag();
  if (guarded) context.facts.guard = Guard::kIfExists;
  if (guarded && context.IsKnownMissing(written)) {
    context.facts.no_op = true;
    return;
  }
  Relation& sequence = context.Resolve(written);
  if (!sequence.complete) sequence.kind = RelationKind::kSequence;
  context.Lock(sequence, LockMode::kShareRowExclusive);
  context.Touches(sequence, "", Effect::kAlter);
  for (const Node item : statement["options"].Items()) {
    const Node option = item.As("DefElem");
    ClaimOption(option["defname"].text(), option["arg"], sequence, context);
  }
  ApplyOptions(statement, sequence, context);
}

// ---- Extensions.

void ReportExtension(const std::string& name, std::string message, std::string hint,
                     StatementContext& context) {
  Finding& finding = context.Report(Rule::kExtensionChange, Node(), std::move(message));
  finding.object = name;
  finding.hint = std::move(hint);
}

bool HasOption(Node options, absl::string_view name) {
  for (const Node item : options.Items()) {
    if (item.As("DefElem")["defname"].text() == name) return true;
  }
  return false;
}

void CreateExtension(Node statement, StatementContext& context) {
  const std::string name(statement["extname"].text());
  const bool guarded = statement["if_not_exists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  if (guarded && (name == kBuiltInExtension || context.db.extensions.contains(name))) {
    context.facts.no_op = true;
    return;
  }
  context.Strengthen(Phase::kExpand);
  context.facts.needs_role =
      absl::StrCat("superuser, or ", kCreateOnDatabase, " for a trusted extension");
  context.TouchesObject(ObjectClass::kExtension, {.name = name}, Effect::kCreate, false);
  ReportExtension(name, absl::StrCat("creating extension ", name, " runs its script as it comes"),
                  HasOption(statement["options"], "new_version")
                      ? "have it created when the database is set up"
                      : "name the VERSION, or have it created when the database is set up",
                  context);
  context.db.extensions.insert(name);
}

void UpdateExtension(Node statement, StatementContext& context) {
  const std::string name(statement["extname"].text());
  context.Strengthen(Phase::kExpand);
  context.facts.needs_role = "owner of the extension, or superuser";
  context.TouchesObject(ObjectClass::kExtension, {.name = name}, Effect::kAlter);
  ReportExtension(
      name, absl::StrCat("updating extension ", name, " runs a script nobody sees here"),
      HasOption(statement["options"], "new_version") ? "read what changed between the two versions"
                                                     : "name the version: UPDATE TO '...'",
      context);
}

}  // namespace

void AnalyzeCreateSchema(Node statement, StatementContext& context) {
  const Node owner = statement["authrole"];
  const std::string name(statement["schemaname"] ? statement["schemaname"].text()
                                                 : owner["rolename"].text());
  const bool guarded = statement["if_not_exists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  if (guarded && context.db.schemas.contains(name)) {
    context.facts.no_op = true;
    return;
  }
  context.Strengthen(Phase::kExpand);
  context.facts.needs_role =
      owner["rolename"] ? absl::StrCat(kCreateOnDatabase, ", member of ", owner["rolename"].text())
                        : kCreateOnDatabase;
  context.TouchesObject(ObjectClass::kSchema, {.name = name}, Effect::kCreate, false);
  context.db.schemas.insert(name);
  if (!guarded || context.db.complete) context.db.new_schemas.insert(name);
  if (!statement["schemaElts"]) return;
  // What is created without a schema goes into this one.
  std::vector<std::string> path = {name};
  path.insert(path.end(), context.db.search_path.begin(), context.db.search_path.end());
  std::swap(path, context.db.search_path);
  for (const Node element : statement["schemaElts"].Items()) context.Inside(element);
  std::swap(path, context.db.search_path);
}

void AnalyzeSequence(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "CreateSeqStmt") return CreateSequence(statement, context);
  AlterSequence(statement, context);
}

void AnalyzeExtension(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "CreateExtensionStmt") return CreateExtension(statement, context);
  if (node_type == "AlterExtensionStmt") return UpdateExtension(statement, context);
  // What belongs to an extension only pg_dump and DROP EXTENSION look at.
  const Name name{.name = std::string(statement["extname"].text())};
  context.TouchesObject(ObjectClass::kExtension, name, Effect::kAlter);
}

}  // namespace lockstep::sql
