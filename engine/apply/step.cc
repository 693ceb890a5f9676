#include "engine/apply/step.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/sql/tokens.h"
#include "engine/sql/tree.h"

namespace lockstep::apply {
namespace {

using sql::Node;

std::string NameOfRange(Node range) {
  const std::string name = QuoteName(range["relname"].text());
  const absl::string_view schema = range["schemaname"].text();
  return schema.empty() ? name : absl::StrCat(QuoteName(schema), ".", name);
}

std::string NameOfList(Node list) {
  std::string name;
  for (const Node part : list.Items()) {
    absl::StrAppend(&name, name.empty() ? "" : ".", QuoteName(part.text()));
  }
  return name;
}

bool HasConcurrently(Node options) {
  for (const Node option : options.Items()) {
    const Node element = option.As("DefElem");
    if (!absl::EqualsIgnoreCase(element["defname"].text(), "concurrently")) continue;
    const absl::string_view value = element["arg"].text();
    return !(value == "false" || value == "off" || value == "0");
  }
  return false;
}

// What follows the name of a table that begins at `location`: names, dots, and the * of old.
std::string BehindName(absl::string_view statement, size_t location) {
  const absl::string_view text = statement.substr(std::min(location, statement.size()));
  bool wants_name = true;
  for (const sql::Token& token : sql::Tokenize(text)) {
    if (token.kind == sql::TokenKind::kLineComment || token.kind == sql::TokenKind::kBlockComment) {
      continue;
    }
    const bool is_name =
        token.kind == sql::TokenKind::kWord || token.kind == sql::TokenKind::kQuotedIdentifier;
    const absl::string_view part = sql::TextOf(text, token);
    if (is_name && wants_name) {
      wants_name = false;
    } else if (part == "." && !wants_name) {
      wants_name = true;
    } else if (part != "*") {
      return std::string(text.substr(token.offset));
    }
  }
  return "";
}

void ReadCreateIndex(Node statement, absl::string_view text, Step& step) {
  if (!statement["concurrent"].flag()) return;
  const Node relation = statement["relation"];
  step.kind = StepKind::kCreateIndex;
  step.gentle = true;
  step.table = NameOfRange(relation);
  step.index = std::string(statement["idxname"].text());
  step.unique = statement["unique"].flag();
  step.definition = BehindName(text, static_cast<size_t>(relation["location"].number()));
  step.object = step.index.empty() ? absl::StrCat("an index of ", step.table)
                                   : absl::StrCat("index ", QuoteName(step.index));
}

void ReadDropIndex(Node statement, Step& step) {
  if (statement["removeType"].text() != "OBJECT_INDEX" || !statement["concurrent"].flag()) return;
  step.kind = StepKind::kDropIndex;
  step.gentle = true;
  step.index = NameOfList(statement["objects"].At(0));
  step.object = absl::StrCat("index ", step.index);
}

void ReadReindex(Node statement, Step& step) {
  static constexpr std::array<std::pair<absl::string_view, absl::string_view>, 4> kScopes = {
      {{"REINDEX_OBJECT_INDEX", "index"},
       {"REINDEX_OBJECT_TABLE", "table"},
       {"REINDEX_OBJECT_SCHEMA", "schema"},
       {"REINDEX_OBJECT_DATABASE", "database"}}};
  const auto scope = std::find_if(kScopes.begin(), kScopes.end(), [&](const auto& each) {
    return each.first == statement["kind"].text();
  });
  step.kind = StepKind::kRepeatable;
  if (scope == kScopes.end()) return;
  step.scope_kind = std::string(scope->second);
  step.scope = statement["relation"] ? NameOfRange(statement["relation"])
                                     : QuoteName(statement["name"].text());
  step.object = absl::StrCat(step.scope_kind, " ", step.scope);
  if (!HasConcurrently(statement["params"])) return;
  step.kind = StepKind::kReindex;
  step.gentle = true;
}

void ReadAlterTable(Node statement, Step& step) {
  for (const Node item : statement["cmds"].Items()) {
    const Node command = item.As("AlterTableCmd");
    const Node partition = command["def"].As("PartitionCmd");
    if (command["subtype"].text() != "AT_DetachPartition" || !partition["concurrent"].flag()) {
      continue;
    }
    step.kind = StepKind::kDetach;
    step.gentle = true;
    step.table = NameOfRange(statement["relation"]);
    step.partition = NameOfRange(partition["name"]);
    step.object = absl::StrCat("partition ", step.partition);
  }
}

// Plain VACUUM and ANALYZE stop nobody; VACUUM FULL and CLUSTER do.
bool IsFull(Node vacuum) {
  const std::vector<Node> options = vacuum["options"].Items();
  return std::any_of(options.begin(), options.end(), [](Node option) {
    return absl::EqualsIgnoreCase(option.As("DefElem")["defname"].text(), "full");
  });
}

Step ReadStep(absl::string_view text, const sql::StatementFacts& facts) {
  Step step;
  const sql::Tree tree = sql::Tree::Parse(text);
  const Node statement = tree.statement();
  const absl::string_view type = statement.type();
  step.may_commit = !tree.ok() || facts.opaque || type == "CallStmt" || type == "DoStmt";
  if (type == "IndexStmt") ReadCreateIndex(statement.body(), text, step);
  if (type == "DropStmt") ReadDropIndex(statement.body(), step);
  if (type == "ReindexStmt") ReadReindex(statement.body(), step);
  if (type == "AlterTableStmt") ReadAlterTable(statement.body(), step);
  if (type == "ClusterStmt") step.kind = StepKind::kRepeatable;
  if (type == "VacuumStmt") {
    step.kind = StepKind::kRepeatable;
    step.gentle = !IsFull(statement.body());
  }
  if (step.object.empty()) step.object = facts.summary;
  return step;
}

// Whether a statement has to run by itself. What a transaction may hold gets one, in a file that
// says `transaction none` one of its own: so it happens once, whatever becomes of its connection.
bool IsAlone(const Step& step, const sql::StatementFacts& facts, bool transaction_none) {
  if (facts.non_transactional || step.kind == StepKind::kRepeatable) return true;
  return transaction_none && step.may_commit;
}

}  // namespace

absl::string_view StepKindName(StepKind kind) {
  switch (kind) {
    case StepKind::kFenced:
      return "transaction";
    case StepKind::kCreateIndex:
      return "create index";
    case StepKind::kDropIndex:
      return "drop index";
    case StepKind::kReindex:
      return "reindex";
    case StepKind::kDetach:
      return "detach partition";
    case StepKind::kRepeatable:
      return "repeatable";
    case StepKind::kOnce:
      return "once";
  }
  return "";
}

std::string QuoteName(absl::string_view name) {
  return absl::StrCat("\"", absl::StrReplaceAll(name, {{"\"", "\"\""}}), "\"");
}

std::vector<Step> StepsOf(const chain::Migration& migration) {
  std::vector<Step> steps;
  for (size_t i = 0; i < migration.statements.size(); ++i) {
    const sql::StatementFacts& facts = migration.alone.statements[i];
    Step step = ReadStep(sql::TextOf(migration.sql, migration.statements[i]), facts);
    const bool none = migration.directives.transaction_none;
    if (!IsAlone(step, facts, none)) {
      const bool joins = !none && !steps.empty() && steps.back().kind == StepKind::kFenced;
      if (joins) {
        steps.back().last = i;
        continue;
      }
      step = {.kind = StepKind::kFenced, .object = facts.summary};
    }
    step.first = step.last = i;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace lockstep::apply
