// DO, CALL, and functions of the user's own that a query calls: what their bodies do.
//
// A DO block stands in the migration, so that what it will run can be read there: its static SQL,
// and EXECUTE of constant strings. The body of a function stands elsewhere and may be another one
// by the time it is called: data statements in there are judged as if they stood here, but one that
// changes definitions is opaque.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/sql/analysis/builtin_function.h"
#include "engine/sql/analysis/call.h"
#include "engine/sql/analysis/control_plane.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/split.h"

namespace lockstep::sql {
namespace {

// What a body may do and still be read as part of the statement that calls it.
constexpr std::array<absl::string_view, 7> kPlainStatements = {
    "SelectStmt", "InsertStmt", "UpdateStmt",      "DeleteStmt",
    "MergeStmt",  "CallStmt",   "VariableShowStmt"};

bool IsPlain(Node statement) {
  return std::find(kPlainStatements.begin(), kPlainStatements.end(), statement.type()) !=
         kPlainStatements.end();
}

// A constant string: 'a', 'a' || 'b', casts around them.
std::optional<std::string> ConstantText(Node expression) {
  constexpr int kMaxParts = 64;
  std::vector<Node> open = {expression};
  std::string text;
  for (int i = 0; !open.empty(); ++i) {
    if (i == kMaxParts) return std::nullopt;
    Node node = open.back();
    open.pop_back();
    while (const Node cast = node.As("TypeCast")) node = cast["arg"];
    if (const Node constant = node.As("A_Const")) {
      if (!constant["sval"]) return std::nullopt;
      absl::StrAppend(&text, constant["sval"]["sval"].text());
    } else if (const Node both = node.As("A_Expr"); both["name"].At(0).text() == "||") {
      open.push_back(both["rexpr"]);
      open.push_back(both["lexpr"]);
    } else {
      return std::nullopt;
    }
  }
  return text;
}

class Body {
 public:
  // `name` is what messages call it: "the DO block". `called` for a function, whose text is not in
  // the migration.
  Body(std::string name, bool called, size_t offset, StatementContext& context)
      : name_(std::move(name)), called_(called), offset_(offset), context_(context) {}

  // `definition` is a DO or CREATE FUNCTION statement.
  void AnalyzePlpgsql(absl::string_view definition) {
    const Tree tree = Tree::ParsePlpgsql(definition);
    if (!tree.ok()) {
      Opaque("cannot be read");
      return;
    }
    Walk(tree.root(), [&](absl::string_view name, Node node) { return Visit(name, node); });
  }

  void AnalyzeSql(absl::string_view body) {
    for (const Statement& statement : SplitStatements(body).statements) {
      AnalyzeText(TextOf(body, statement));
    }
  }

  void Opaque(absl::string_view why) {
    if (std::exchange(said_, true)) return;
    Finding& finding =
        context_.Report(Rule::kOpaqueDynamicSql, Node(),
                        absl::StrCat(name_, " ", why, ": what it does is not known"));
    finding.offset = offset_;
    finding.hint =
        "write the statements themselves, or say what it does with the directive `phase`";
    NotAnalysed(context_);
  }

 private:
  bool Visit(absl::string_view name, Node node) {
    if (name == "datums") return VisitDefaults(node);
    if (name == "PLpgSQL_stmt_commit" || name == "PLpgSQL_stmt_rollback") {
      context_.facts.transaction_control = true;
      context_
          .Refuse(Rule::kTransactionControl, Node(),
                  absl::StrCat(name_, " ends the transaction that it runs in"))
          .offset = offset_;
    } else if (name == "PLpgSQL_stmt_execsql") {
      AnalyzeText(TextOfExpression(node["sqlstmt"]));
    } else if (name == "PLpgSQL_stmt_call" || name == "PLpgSQL_stmt_perform") {
      AnalyzeText(TextOfExpression(node["expr"]));
    } else if (name == "PLpgSQL_stmt_dynexecute" || name == "PLpgSQL_stmt_dynfors") {
      AnalyzeExecute(TextOfExpression(node["query"]));
    } else if (name == "dynquery") {
      AnalyzeExecute(TextOfExpression(node));
    } else if (name == "PLpgSQL_expr") {
      AnalyzeExpression(node["query"].text());
    }
    return true;
  }

  // DECLARE x int := f(): as an expression. Variables are named in every datum; only that matters.
  bool VisitDefaults(Node datums) {
    Walk(datums, [&](absl::string_view name, Node node) {
      if (name == "PLpgSQL_expr") AnalyzeExpression(node["query"].text());
      return true;
    });
    return false;
  }

  static absl::string_view TextOfExpression(Node node) {
    return node.As("PLpgSQL_expr")["query"].text();
  }

  // A condition, a value, an assignment: it matters for the functions that it calls. Whole
  // statements come here too, after they were analysed as such.
  void AnalyzeExpression(absl::string_view text) {
    for (const absl::string_view word : {"select", "with", "insert", "update", "delete", "merge"}) {
      if (absl::StartsWithIgnoreCase(absl::StripLeadingAsciiWhitespace(text), word)) {
        if (word == "select" || word == "with") AnalyzeOnce(text);
        return;
      }
    }
    if (!absl::StrContains(text, '(')) return;
    const size_t assigned = text.find(":=");
    const absl::string_view value =
        assigned == absl::string_view::npos ? text : text.substr(assigned + 2);
    const Tree tree = Tree::Parse(absl::StrCat("SELECT ", value));
    if (tree.ok()) Run(tree.statement(), text);
  }

  // A query of FOR or RETURN QUERY, unless it is a statement that was analysed already.
  void AnalyzeOnce(absl::string_view text) {
    if (text != last_) AnalyzeText(text);
  }

  void AnalyzeText(absl::string_view text) {
    last_ = std::string(text);
    const Tree tree = Tree::Parse(text);
    if (!tree.ok()) {
      Opaque("runs a statement that cannot be read");
      return;
    }
    Run(tree.statement(), text);
  }

  void AnalyzeExecute(absl::string_view expression) {
    const Tree tree = Tree::Parse(absl::StrCat("SELECT ", expression));
    const Node value = tree.statement().As("SelectStmt")["targetList"].At(0).As("ResTarget")["val"];
    const std::optional<std::string> text = value ? ConstantText(value) : std::nullopt;
    if (!text.has_value() || called_) {
      Opaque("puts together the SQL that it executes");
      return;
    }
    for (const Statement& statement : SplitStatements(*text).statements) {
      AnalyzeText(TextOf(*text, statement));
    }
  }

  void Run(Node statement, absl::string_view text) {
    if (called_ && !IsPlain(statement)) Opaque("changes more than rows");
    // Where the text stands in the migration, when it stands there as it is.
    StatementContext::Origin origin{.offset = offset_, .exact = false};
    const size_t found = called_ ? absl::string_view::npos : context_.text.find(text, searched_);
    if (found != absl::string_view::npos) {
      origin = {.offset = found, .exact = true};
      searched_ = found;
    }
    context_.InsideText(statement, origin, called_ && said_);
  }

  std::string name_;
  bool called_;
  size_t offset_;
  StatementContext& context_;
  bool said_ = false;
  size_t searched_ = 0;
  std::string last_;
};

std::string Quoted(absl::string_view text) {
  std::string tag = "$lockstep_body$";
  return absl::StrCat(tag, text, tag);
}

void AnalyzeDo(Node statement, StatementContext& context) {
  std::string language = "plpgsql";
  for (const Node item : statement["args"].Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() == "language") {
      language = absl::AsciiStrToLower(option["arg"].text());
    }
  }
  Body body("the DO block", false, context.origin().offset, context);
  if (language != "plpgsql") {
    body.Opaque(absl::StrCat("is written in ", language));
    return;
  }
  if (context.origin().offset == 0 && context.origin().exact) {
    body.AnalyzePlpgsql(context.text);
    return;
  }
  for (const Node item : statement["args"].Items()) {
    const Node option = item.As("DefElem");
    if (option["defname"].text() == "as") {
      body.AnalyzePlpgsql(absl::StrCat("DO ", Quoted(option["arg"].text())));
    }
  }
}

void AnalyzeFunction(const model::Function& function, Node call, StatementContext& context) {
  if (function.kind == 'a' || function.kind == 'w') return;
  // PostgreSQL lets neither write.
  if (function.kind == 'f' && function.volatility != model::Volatility::kVolatile) return;
  Body body(absl::StrCat(function.kind == 'p' ? "procedure " : "function ", function.name.text()),
            true, context.OffsetOf(call), context);
  if (function.body.empty()) {
    body.Opaque("has a body that is not known");
  } else if (function.language == "sql") {
    body.AnalyzeSql(function.body);
  } else if (function.language == "plpgsql") {
    // What it returns decides how RETURN reads; its arguments are only names.
    std::string arguments;
    for (size_t i = 0; i < function.argument_names.size(); ++i) {
      if (function.argument_names[i].empty()) continue;
      absl::StrAppend(&arguments, arguments.empty() ? "" : ", ", "\"", function.argument_names[i],
                      "\" text");
    }
    body.AnalyzePlpgsql(
        absl::StrCat(function.kind == 'p' ? "CREATE PROCEDURE f(" : "CREATE FUNCTION f(", arguments,
                     function.kind == 'p'             ? ")"
                     : function.returns_set           ? ") RETURNS SETOF record"
                     : function.result.name == "void" ? ") RETURNS void"
                                                      : ") RETURNS text",
                     " LANGUAGE plpgsql AS ", Quoted(function.body)));
  } else {
    body.Opaque(absl::StrCat("is written in ", function.language));
  }
}

}  // namespace

void AnalyzeUserCall(const model::Name& name, Node call, StatementContext& context) {
  const std::vector<model::Function>* overloads = context.db.FindFunctions(name);
  if (overloads == nullptr) {
    if (ExtensionVolatility(name.name).has_value()) return;
    Body(absl::StrCat("function ", name.text()), true, context.OffsetOf(call), context)
        .Opaque("is not in the catalog");
    return;
  }
  if (!context.EnterFunction(overloads->front().name)) return;
  // Which overload is meant is decided by types that are not known here: each may be.
  const std::vector<model::Function> candidates = *overloads;
  for (const model::Function& function : candidates) AnalyzeFunction(function, call, context);
}

void AnalyzeDynamic(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "DoStmt") {
    AnalyzeDo(statement, context);
    return;
  }
  const Node call = statement["funccall"];
  AnalyzeCalls(call["args"], context);
  AnalyzeCall(call, context);
}

}  // namespace lockstep::sql
