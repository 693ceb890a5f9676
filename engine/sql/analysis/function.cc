// Functions, procedures and aggregates.

#include "engine/sql/analysis/function.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/query_reads.h"
#include "engine/sql/analysis/signature.h"
#include "engine/sql/preamble.h"

namespace lockstep::sql {
namespace {

using model::Function;
using model::Name;
using model::Relation;

constexpr char kSuperuser[] = "superuser";

bool NeedsSuperuser(absl::string_view language) {
  return language == "c" || language == "internal" || language == "plpython3u" ||
         language == "plperlu" || language == "pltclu";
}

// ---- Bodies. One in SQL is parsed when the function is made, with the locks of its queries; other
// languages look at theirs when it runs.

void ClaimBody(Node statement, const Function& function, StatementContext& context) {
  if (const Node body = statement["sql_body"]) return ClaimReads(ReadsOf(body, context), context);
  if (function.language != "sql") return;
  const MigrationSplit split = SplitMigration(function.body);
  for (const Statement& query : split.statements) {
    const Tree tree = Tree::Parse(TextOf(function.body, query));
    if (tree.ok()) ClaimReads(ReadsOf(tree.statement(), context), context);
  }
}

// ---- CREATE.

// A row of several columns has no known type, or is a record.
bool IsRow(const Function& function) {
  return !function.outputs.empty() || !function.result.known() || function.result.name == "record";
}

bool ReturnsOther(const Function& old, const Function& made) {
  if (old.kind == 'p') return false;  // Has OUT arguments at most.
  if (old.returns_set != made.returns_set) return true;
  if (IsRow(old) && IsRow(made)) return false;
  // A result of which nothing is known may be anything.
  if (IsRow(old)) return !old.outputs.empty();
  return IsRow(made) || !SameArgument(old.result, made.result);
}

// Why PostgreSQL refuses to put `made` in the place of `old` (42P13); "" when it does not.
std::string Refusal(const Function& old, const Function& made) {
  if (old.kind != made.kind) return "another kind of routine";
  if (ReturnsOther(old, made)) return "another return type";
  if (!old.outputs.empty() && !made.outputs.empty() &&
      !std::equal(old.outputs.begin(), old.outputs.end(), made.outputs.begin(), made.outputs.end(),
                  [](const auto& a, const auto& b) {
                    return a.first == b.first && SameArgument(a.second, b.second);
                  })) {
    return "other result columns";
  }
  for (size_t i = 0; i < old.argument_names.size() && i < made.argument_names.size(); ++i) {
    if (!old.argument_names[i].empty() && old.argument_names[i] != made.argument_names[i]) {
      return absl::StrCat("another name for argument ", old.argument_names[i]);
    }
  }
  if (made.defaults < old.defaults) return "fewer defaults";
  return "";
}

void ReportSignature(const Name& name, std::string message, StatementContext& context) {
  context.Strengthen(Phase::kContract, ContractKind::kReshape);
  context.TouchesObject(ObjectClass::kFunction, name, Effect::kBreak);
  Finding& finding = context.Report(Rule::kFunctionSignatureChange, Node(), std::move(message));
  finding.object = name.text();
  finding.hint = absl::StrCat("make it ", name.text(),
                              "_v2 beside the old one, which goes when nobody calls it any more");
}

// A live overload that calls of `made` can mean as well; nullptr when there is none.
const Function* Rival(const std::vector<Function>& overloads, const Function& made) {
  const auto found = std::find_if(overloads.begin(), overloads.end(), [&](const Function& other) {
    return !other.is_new && !SameArguments(other.arguments, made.arguments) &&
           CallsOverlap(other, made);
  });
  return found == overloads.end() ? nullptr : &*found;
}

void ReplaceLive(Function& old, Function made, const std::vector<Function>& overloads,
                 const Name& name, StatementContext& context) {
  if (const std::string why = Refusal(old, made); !why.empty()) {
    return ReportSignature(
        name, absl::StrCat("OR REPLACE refuses ", why, " for function ", name.text(), " (42P13)"),
        context);
  }
  if (made.defaults > old.defaults && Rival(overloads, made) != nullptr &&
      !CallsOverlap(old, *Rival(overloads, made))) {
    ReportSignature(
        name, absl::StrCat("with more defaults calls of ", name.text(), " can mean two functions"),
        context);
  }
  context.Strengthen(Phase::kExpand);
  context.TouchesObject(ObjectClass::kFunction, name, Effect::kAlter);
  context
      .Report(Rule::kFunctionBodyChange, Node(),
              absl::StrCat("running versions get the new ", name.text(), " at commit"))
      .object = name.text();
  made.is_new = false;
  old = std::move(made);
}

void AddOverload(Function made, bool replace, std::vector<Function>& overloads, const Name& name,
                 StatementContext& context) {
  const bool any_live = std::any_of(overloads.begin(), overloads.end(),
                                    [](const Function& other) { return !other.is_new; });
  if (any_live && Rival(overloads, made) != nullptr) {
    ReportSignature(name,
                    absl::StrCat("another overload of ", name.text(),
                                 ": calls that meant the first one may mean either"),
                    context);
  } else if (any_live && replace) {
    ReportSignature(name,
                    absl::StrCat("OR REPLACE with other arguments leaves the old ", name.text(),
                                 " as it is and makes an overload"),
                    context);
  } else if (replace && !context.db.complete) {
    // What is there under that name nobody knows.
    context.Strengthen(Phase::kContract, ContractKind::kReshape);
    context.facts.phase_unknown = true;
  } else {
    context.Strengthen(Phase::kExpand);
  }
  context.TouchesObject(ObjectClass::kFunction, name, Effect::kCreate, any_live);
  overloads.push_back(std::move(made));
}

void Create(Function made, const Name& name, bool replace, StatementContext& context) {
  if (replace) context.facts.guard = Guard::kOrReplace;
  std::vector<Function>& overloads = context.db.functions[name];
  const auto same = std::find_if(overloads.begin(), overloads.end(), [&](const Function& other) {
    return SameArguments(other.arguments, made.arguments);
  });
  made.name = name;
  if (same == overloads.end()) {
    AddOverload(std::move(made), replace, overloads, name, context);
  } else if (same->is_new) {
    context.Strengthen(Phase::kExpand);
    context.TouchesObject(ObjectClass::kFunction, name, Effect::kCreate, false);
    *same = std::move(made);
  } else if (replace) {
    ReplaceLive(*same, std::move(made), overloads, name, context);
  } else {
    context.Strengthen(Phase::kExpand);  // PostgreSQL refuses it: it exists.
  }
}

// ---- DROP.

// CASCADE takes the triggers that run it.
void DropTriggersOf(const Name& function, StatementContext& context) {
  for (auto& [name, relation] : context.db.relations) {
    const size_t dropped = std::erase_if(
        relation.triggers, [&](const model::Trigger& t) { return t.function == function; });
    if (dropped == 0) continue;
    context.Lock(relation, LockMode::kAccessExclusive);
    context.Touches(relation, "", Effect::kBreak);
  }
}

void DropOne(const Name& name, bool live, bool cascade, StatementContext& context) {
  context.TouchesObject(ObjectClass::kFunction, name, Effect::kBreak, live);
  if (cascade) DropTriggersOf(name, context);
  if (!live) return context.Strengthen(Phase::kExpand);
  context.Strengthen(Phase::kContract, ContractKind::kRemove);
  Finding& finding = context.Report(Rule::kDropFunction, Node(),
                                    absl::StrCat("calls of ", name.text(), " fail (42883)"));
  finding.object = name.text();
  finding.hint = "drop it once no running version calls it";
}

}  // namespace

void AnalyzeCreateFunction(Node statement, StatementContext& context) {
  Function made = FunctionOf(statement, context.db);
  const Name name = context.db.NameForNew(model::NameOf(statement["funcname"]));
  if (NeedsSuperuser(made.language)) context.facts.needs_role = kSuperuser;
  ClaimBody(statement, made, context);
  Create(std::move(made), name, statement["replace"].flag(), context);
}

void AnalyzeCreateAggregate(Node statement, StatementContext& context) {
  Create(AggregateOf(statement, context.db),
         context.db.NameForNew(model::NameOf(statement["defnames"])), statement["replace"].flag(),
         context);
}

void AnalyzeAlterFunction(Node statement, StatementContext& context) {
  const Node object = statement["func"];
  const Name written = model::NameOf(object["objname"]);
  std::vector<Function>* overloads = context.db.FindFunctions(written);
  const Function* found = overloads == nullptr ? nullptr : FindFunction(*overloads, object);
  const Name name = found == nullptr ? context.db.NameForNew(written) : found->name;
  const bool live = found == nullptr || !found->is_new;
  context.Strengthen(Phase::kExpand);
  context.TouchesObject(ObjectClass::kFunction, name, Effect::kAlter, live);
  for (const Node item : statement["actions"].Items()) {
    const Node action = item.As("DefElem");
    const absl::string_view option = action["defname"].text();
    const Node value = action["arg"];
    if (option == "leakproof" || option == "support") context.facts.needs_role = kSuperuser;
    const bool on = value.flag() || value.As("Boolean")["boolval"].flag();
    // SECURITY INVOKER: callers need the rights of what it does.
    if (option == "security" && !on && live) {
      context.Strengthen(Phase::kContract, ContractKind::kTighten);
    }
    if (option != "volatility" || found == nullptr) continue;
    Function& function = (*overloads)[static_cast<size_t>(found - overloads->data())];
    function.volatility = value.text() == "immutable" ? model::Volatility::kImmutable
                          : value.text() == "stable"  ? model::Volatility::kStable
                                                      : model::Volatility::kVolatile;
  }
}

void AnalyzeDropFunction(Node statement, StatementContext& context) {
  const bool guarded = statement["missing_ok"].flag();
  const bool cascade = statement["behavior"].text() == "DROP_CASCADE";
  bool any = false;
  for (const Node item : statement["objects"].Items()) {
    const Node object = item.As("ObjectWithArgs");
    const Name written = model::NameOf(object["objname"]);
    std::vector<Function>* overloads = context.db.FindFunctions(written);
    const Function* found = overloads == nullptr ? nullptr : FindFunction(*overloads, object);
    if (found == nullptr) {
      if (guarded && context.db.complete) continue;
      DropOne(context.db.NameForNew(written), /*live=*/true, cascade, context);
    } else {
      DropOne(found->name, !found->is_new, cascade, context);
      overloads->erase(overloads->begin() + (found - overloads->data()));
    }
    any = true;
  }
  if (guarded) context.facts.guard = Guard::kIfExists;
  context.facts.no_op = guarded && !any;
}

}  // namespace lockstep::sql
