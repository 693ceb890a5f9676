#include "engine/sql/analysis/analyzer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/context.h"
#include "engine/sql/analysis/control_plane.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/file_rules.h"
#include "engine/sql/analysis/marks.h"
#include "engine/sql/analysis/words.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {
namespace {

// What the parser refuses is judged by its words, and a finding says where it stopped.
StatementFacts FactsOfUnread(absl::string_view text, const ParseError& error,
                             std::vector<Finding>* findings) {
  StatementFacts facts = FactsOfWords(text);
  if (facts.transaction_control) {
    findings->push_back({.rule = Rule::kTransactionControl,
                         .severity = InfoOf(Rule::kTransactionControl).severity,
                         .message = "transaction control that cannot be read",
                         .refusal = true});
  }
  if (facts.opaque) {
    findings->push_back({.rule = Rule::kParseError,
                         .severity = InfoOf(Rule::kParseError).severity,
                         .offset = error.offset,
                         .message = absl::StrCat("cannot be read: ", error.message)});
  }
  return facts;
}

// A parsed statement. Places in `node` count from `base` on.
struct Parsed {
  Node node;
  size_t base = 0;
};

// A label that ALTER TYPE ... ADD VALUE added in this transaction cannot be used before COMMIT.
void CheckLabels(const Parsed& statement, const std::vector<std::string>& labels,
                 std::vector<Finding>* findings) {
  if (labels.empty()) return;
  for (const auto& [text, place] : StringsIn(statement.node)) {
    if (std::find(labels.begin(), labels.end(), text) == labels.end()) continue;
    findings->push_back(
        {.rule = Rule::kEnumValueUsedSameTransaction,
         .severity = InfoOf(Rule::kEnumValueUsedSameTransaction).severity,
         .offset = place - std::min(place, statement.base),
         .message = absl::StrCat("uses the label '", text,
                                 "' in the transaction that adds it: PostgreSQL refuses (55P04)"),
         .hint = "put the ALTER TYPE into a migration of its own, before this one"});
    return;
  }
}

// What is kept from one statement of a file to the next.
struct FileState {
  bool transactional = true;
  std::vector<Marks> marks;
  std::vector<std::string> labels;  // New ones of types that existed before.
};

bool IsNewType(const model::Database& database, Node statement) {
  const model::TypeDefinition* type =
      database.FindType(model::NameOf(statement.body()["typeName"]));
  return type != nullptr && type->is_new;
}

// The statements of a file that was parsed as a whole, found by where they begin.
class ParsedFile {
 public:
  // Of one that was not, or could not be, every statement is absent.
  explicit ParsedFile(const Tree& tree) : statements_(tree.statements()) {}

  // The tree of `statement`, which must not be before the one of the call before; absent when
  // the parser sees more than one in it, or only a part of one.
  std::optional<Parsed> At(const Statement& statement) {
    for (; next_ < statements_.size(); ++next_) {
      const auto begin = static_cast<size_t>(statements_[next_]["stmt_location"].number());
      const auto size = static_cast<size_t>(statements_[next_]["stmt_len"].number());
      if (statement.offset < begin) return std::nullopt;
      if (size > 0 && statement.offset >= begin + size) continue;
      if (size > 0 && statement.offset + statement.size > begin + size) return std::nullopt;
      return Parsed{.node = statements_[next_]["stmt"], .base = statement.offset};
    }
    return std::nullopt;
  }

 private:
  std::vector<Node> statements_;
  size_t next_ = 0;
};

StatementFacts AnalyzeParsed(absl::string_view text, const Parsed& parsed, FileState* state,
                             model::Database* database, std::vector<Finding>* findings) {
  StatementFacts facts;
  StatementContext context(database, text, parsed.base, state->transactional, &facts, findings);
  const Node statement = parsed.node;
  Marks marks = MarksOf(statement);
  for (Marks::ForeignKey& key : marks.foreign_keys) key.offset -= std::min(key.offset, parsed.base);
  if (state->transactional) CheckLabels(parsed, state->labels, findings);
  const bool add_labels = !marks.new_labels.empty() && !IsNewType(*database, statement);
  CheckControlPlane(statement, context);
  AnalyzeNode(statement, context);
  if (add_labels && !facts.no_op) {
    state->labels.insert(state->labels.end(), marks.new_labels.begin(), marks.new_labels.end());
  }
  state->marks.push_back(std::move(marks));
  facts.summary = SummaryOf(text);
  return facts;
}

StatementFacts AnalyzeStatement(absl::string_view text, const std::optional<Parsed>& parsed,
                                FileState* state, model::Database* database,
                                std::vector<Finding>* findings) {
  if (parsed.has_value()) return AnalyzeParsed(text, *parsed, state, database, findings);
  ParseError error;
  const Tree tree = Tree::Parse(text, &error);
  if (tree.ok()) {
    return AnalyzeParsed(text, {.node = tree.statement()}, state, database, findings);
  }
  state->marks.emplace_back();
  CheckControlPlaneText(text, findings);
  return FactsOfUnread(text, error, findings);
}

// The strongest phase of what was analysed; what was not counts as contract unless the author
// declares another phase.
void DerivePhase(const FileInput& input, FileAnalysis* analysis) {
  for (const StatementFacts& facts : analysis->statements) {
    analysis->opaque |= facts.opaque;
    analysis->transactional &= !facts.non_transactional;
    // What else is known of the same statement holds whatever is declared.
    const bool only_opaque = facts.opaque && facts.contract_kind == ContractKind::kOpaque;
    if (only_opaque && input.declared.has_value()) continue;
    if (facts.phase > analysis->derived) {
      analysis->derived = facts.phase;
      analysis->contract_kind = facts.contract_kind;
    }
  }
  analysis->phase_unknown =
      analysis->derived == Phase::kContract &&
      std::all_of(analysis->statements.begin(), analysis->statements.end(),
                  [](const StatementFacts& facts) {
                    return facts.phase != Phase::kContract || facts.phase_unknown;
                  });
  analysis->phase = std::max(analysis->derived, input.declared.value_or(Phase::kNeutral));
}

}  // namespace

bool FileAnalysis::Blocks() const {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.Blocks(); });
}

std::optional<Severity> FileAnalysis::Worst() const {
  std::optional<Severity> worst;
  for (const Finding& finding : findings) {
    if (!finding.allowed.empty()) continue;
    worst = std::max(worst.value_or(Severity::kInfo), finding.severity);
  }
  return worst;
}

FileAnalysis Analyzer::Analyze(const FileInput& input) {
  FileAnalysis analysis;
  analysis.transactional = !input.transaction_none;
  CheckText(input, &analysis);
  FileState state{.transactional = analysis.transactional};
  // What a file sets does not last beyond it: the next one gets a session of its own.
  const std::vector<std::string> search_path = database_.search_path;
  const std::map<std::string, std::string> settings = database_.settings;
  const Tree own = input.tree == nullptr ? Tree::ParseText(input.text) : Tree();
  ParsedFile parsed(input.tree == nullptr ? own : *input.tree);
  for (const Statement& statement : input.statements) {
    std::vector<Finding> found;
    analysis.statements.push_back(AnalyzeStatement(
        TextOf(input.text, statement), parsed.At(statement), &state, &database_, &found));
    // What cannot be read may have made anything.
    if (analysis.statements.back().opaque) database_.complete = false;
    // That psql's commands are no SQL has been said.
    const size_t end = statement.offset + statement.size;
    const bool psql = std::any_of(
        analysis.findings.begin(), analysis.findings.end(), [&](const Finding& finding) {
          return finding.rule == Rule::kPsqlMetaCommand && finding.offset >= statement.offset &&
                 finding.offset < end;
        });
    for (Finding& finding : found) {
      if (psql && finding.rule == Rule::kParseError) continue;
      finding.statement = static_cast<int>(analysis.statements.size()) - 1;
      finding.offset += statement.offset;
      analysis.findings.push_back(std::move(finding));
    }
  }
  database_.search_path = search_path;
  database_.settings = settings;
  AcceptStandIns(input, database_, &analysis);
  DerivePhase(input, &analysis);
  analysis.parts = PartsOf(input, analysis);
  CheckFile({.input = input, .marks = state.marks, .after = database_, .analysis = analysis});
  ApplyAllows(input.allow, &analysis.findings);
  std::stable_sort(analysis.findings.begin(), analysis.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.offset < b.offset; });
  return analysis;
}

void Analyzer::MarkApplied() {
  for (auto& [name, relation] : database_.relations) relation.is_new = false;
  for (auto& [name, type] : database_.types) type.is_new = false;
  for (auto& [name, overloads] : database_.functions) {
    for (model::Function& function : overloads) function.is_new = false;
  }
  for (auto& [name, publication] : database_.publications) publication.is_new = false;
  database_.new_schemas.clear();
}

}  // namespace lockstep::sql
