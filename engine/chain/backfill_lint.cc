#include "engine/chain/backfill_lint.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/chain/analysis.h"
#include "engine/chain/coverage.h"
#include "engine/chain/job_range.h"
#include "engine/chain/job_tree.h"
#include "engine/sql/analysis/analyzer.h"

namespace lockstep::chain {
namespace {

using sql::Finding;
using sql::Node;
using sql::Rule;

// What PostgreSQL plans: parameters are values there, and nowhere else.
bool IsPlanned(const JobStatement& statement) {
  constexpr absl::string_view kPlanned[] = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt",
                                            "MergeStmt"};
  return std::find(std::begin(kPlanned), std::end(kPlanned), statement.tree.statement().type()) !=
         std::end(kPlanned);
}

// Whether what the analysis says of a migration holds for a statement in a section of a job.
bool Holds(const Finding& finding, absl::string_view section, bool keyed) {
  switch (finding.rule) {
    case Rule::kOpaqueDynamicSql:
    case Rule::kTimeoutOverride:
    case Rule::kNonIdempotentDml:
      return false;
    case Rule::kUnboundedDml:
      if (section == "batch" && keyed) return false;  // kBackfillWholeTable.
      break;
    default:
      break;
  }
  if (finding.refusal) return true;
  if (section == "verify") return finding.rule == Rule::kParseError;
  return finding.severity != sql::Severity::kInfo && !sql::InfoOf(finding.rule).gate;
}

// Batches do not wait for their commits unless the file says `durable`.
bool MakesCommitsLate(const JobStatement& statement) {
  const Node set = statement.tree.statement().As("VariableSetStmt");
  return set["name"].text() == "synchronous_commit";
}

// Why PostgreSQL cannot run `statement` as a subquery in a transaction that only reads; "" when it
// may.
std::string WhyNoQuery(const sql::Tree& tree) {
  const Node statement = tree.statement();
  const Node select = statement.As("SelectStmt");
  if (!select) return "is no query";
  if (select["intoClause"]) return "makes a table";
  if (select["lockingClause"].size() > 0) return "locks rows";
  for (const Node item : select["withClause"]["ctes"].Items()) {
    if (item.As("CommonTableExpr")["ctequery"].type() != "SelectStmt") return "changes rows";
  }
  return "";
}

class JobLinter {
 public:
  JobLinter(const Backfill& job, std::span<const Migration> migrations,
            const sql::model::Database& database)
      : job_(job), migrations_(migrations), tree_(ParseJob(job)), analyzer_(database) {
    analyzer_.MarkApplied();
  }

  std::vector<Finding> Run() {
    CheckTable();
    Analyze("prepare");
    CheckCoverage();
    for (const absl::string_view section : {"batch", "verify", "finish"}) Analyze(section);
    for (size_t i = 0; i < tree_.statements.size(); ++i) {
      CheckParameters(i);
      CheckRange(i);
      CheckQuery(i);
    }
    CheckVerified();
    std::vector<sql::Allow> allow;
    for (const Directives::Allow& directive : job_.allow) {
      allow.push_back({directive.rule, directive.reason, directive.offset});
    }
    sql::ApplyAllows(allow, &findings_);
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.offset < b.offset; });
    return std::move(findings_);
  }

 private:
  Finding& Report(Rule rule, size_t offset, std::string message, int statement = -1) {
    findings_.push_back({.rule = rule,
                         .severity = sql::InfoOf(rule).severity,
                         .offset = offset,
                         .statement = statement,
                         .message = std::move(message)});
    return findings_.back();
  }

  // What it walks has to be there.
  void CheckTable() {
    if (!tree_.keyed()) return;
    const auto* const table = analyzer_.database().FindRelation(tree_.table);
    if (table == nullptr || table->missing) {
      if (!IsKnownMissing()) return;
      Report(Rule::kBackfillUnknownTable, tree_.table_offset,
             absl::StrCat("there is no table ", job_.table, " at version ", job_.after))
          .object = job_.table;
    } else if (table->complete && table->IsTable()) {
      for (const std::string& key : tree_.keys) {
        if (table->FindColumn(key) != nullptr) continue;
        Report(Rule::kBackfillUnknownTable, tree_.key_offset,
               absl::StrCat("table ", table->name.text(), " has no column ", key, " at version ",
                            job_.after))
            .object = absl::StrCat(table->name.text(), ".", key);
      }
    }
  }

  // In whatever schema: without a database nobody knows the search_path. Of the system's own
  // tables not everything is known.
  bool IsKnownMissing() const {
    const sql::model::Database& database = analyzer_.database();
    const std::string& schema = tree_.table.schema;
    return database.complete && !absl::StartsWith(schema, "pg_") &&
           schema != "information_schema" &&
           std::none_of(database.relations.begin(), database.relations.end(),
                        [&](const auto& entry) { return entry.first.name == tree_.table.name; });
  }

  // The statements of a section, which are one transaction.
  void Analyze(absl::string_view section) {
    std::vector<sql::Statement> places;
    int first = 0;
    for (size_t i = 0; i < tree_.statements.size(); ++i) {
      if (tree_.statements[i].section != section) continue;
      if (places.empty()) first = static_cast<int>(i);
      places.push_back(tree_.statements[i].place);
    }
    const sql::FileAnalysis analysis = analyzer_.Analyze({.text = job_.sql, .statements = places});
    for (Finding finding : analysis.findings) {
      if (!Holds(finding, section, tree_.keyed())) continue;
      if (finding.statement >= 0) finding.statement += first;
      if (finding.rule == Rule::kUnsafeSetting && section == "batch" && tree_.keyed() &&
          !job_.durable && MakesCommitsLate(tree_.statements[finding.statement])) {
        continue;
      }
      if (finding.rule == Rule::kNonTransactionalInTransaction) {
        finding.severity = sql::Severity::kError;  // Nobody cuts a job into parts.
      }
      findings_.push_back(std::move(finding));
    }
    for (size_t i = 0; i < analysis.statements.size(); ++i) {
      const sql::StatementFacts& facts = analysis.statements[i];
      if (facts.phase != sql::Phase::kContract || facts.opaque || facts.phase_unknown) continue;
      Report(Rule::kBackfillContract, places[i].offset,
             absl::StrCat(facts.summary, " is a contract, and no backfill waits for the fleet"),
             first + static_cast<int>(i))
          .hint =
          absl::StrCat("put it into a migration with -- lockstep:needs-backfill ", job_.name);
    }
  }

  void CheckCoverage() {
    for (const UncoveredColumn& column :
         UncoveredColumns(job_, migrations_, analyzer_.database())) {
      Finding& finding = Report(Rule::kBackfillNotCovered, column.offset,
                                absl::StrCat("nobody fills ", column.name, " in rows of ",
                                             job_.table, " that are written while it runs"));
      finding.object = absl::StrCat(job_.table, ".", column.name);
      finding.hint = absl::StrCat(
          "a trigger or a default up to version ", job_.after,
          ", `lockstep new TITLE --dual-write`, or, when the application writes it, a line "
          "`-- lockstep:dual-write WHO`");
    }
  }

  int ParametersOf(const JobStatement& statement) const {
    return statement.section == "batch" ? 2 * static_cast<int>(tree_.keys.size()) : 0;
  }

  void CheckParameters(size_t number) {
    const JobStatement& statement = tree_.statements[number];
    if (!IsPlanned(statement)) return;
    const int given = ParametersOf(statement);
    sql::Walk(statement.tree.statement(), [&](absl::string_view name, Node node) {
      if (name != "ParamRef" || node["number"].number() <= given) return true;
      const std::string parameter = absl::StrCat("$", node["number"].number());
      Finding& finding =
          Report(Rule::kBackfillParameter, statement.OffsetOf(node),
                 given == 0 ? absl::StrCat(parameter, ": nothing has parameters but a batch by key")
                            : absl::StrCat(parameter, ": a batch by ", job_.key,
                                           " has parameters up to $", given),
                 static_cast<int>(number));
      finding.size = parameter.size();
      return true;
    });
  }

  void CheckRange(size_t number) {
    const JobStatement& statement = tree_.statements[number];
    if (!tree_.keyed() || statement.section != "batch" || !IsPlanned(statement)) return;
    const auto* const table = analyzer_.database().FindRelation(tree_.table);
    const sql::model::Name walked = table == nullptr ? tree_.table : table->name;
    if (!IgnoresEnd(statement.tree.statement(), tree_.keys.size(), walked, analyzer_.database())) {
      return;
    }
    Finding& finding =
        Report(Rule::kBackfillWholeTable, statement.place.offset,
               absl::StrCat("each batch changes what is beyond it, up to all of ", job_.table,
                            ": the statement does not use the end of its range"),
               static_cast<int>(number));
    finding.object = job_.table;
    finding.hint = absl::StrCat("WHERE ", RangeCondition(job_.keys));
  }

  void CheckQuery(size_t number) {
    const JobStatement& statement = tree_.statements[number];
    if (statement.section != "verify" || !statement.tree.ok()) return;
    const std::string why = WhyNoQuery(statement.tree);
    if (why.empty()) return;
    Report(Rule::kBackfillVerifyNoQuery, statement.place.offset,
           absl::StrCat("the verification ", why, ": only rows of a plain query can be counted"),
           static_cast<int>(number));
  }

  void CheckVerified() {
    if (!tree_.keyed() || !job_.verify.empty()) return;
    for (const Migration& migration : migrations_) {
      const std::vector<std::string>& needed = migration.directives.needs_backfill;
      if (std::find(needed.begin(), needed.end(), job_.name) == needed.end()) continue;
      Report(Rule::kBackfillNoVerify, tree_.table_offset,
             absl::StrCat("migration ", migration.version, " ", migration.title,
                          " needs it, and nothing looks for rows that are left undone"))
          .hint = "add `-- lockstep:section verify` and a SELECT of the rows that are not done";
      return;
    }
  }

  const Backfill& job_;
  const std::span<const Migration> migrations_;
  const JobTree tree_;
  sql::Analyzer analyzer_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> LintBackfill(const Backfill& job, std::span<const Migration> migrations,
                                  const sql::model::Database& database) {
  return JobLinter(job, migrations, database).Run();
}

std::vector<std::vector<Finding>> LintBackfills(std::span<const Backfill> jobs,
                                                std::span<const Migration> migrations,
                                                const std::set<Version>& exist,
                                                sql::model::Database database) {
  std::vector<std::vector<Finding>> findings(jobs.size());
  if (jobs.empty()) return findings;
  sql::Analyzer analyzer(std::move(database));
  const auto lint = [&](auto has_its_turn) {
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (!has_its_turn(jobs[i].after)) continue;
      findings[i] = LintBackfill(jobs[i], migrations, analyzer.database());
    }
  };
  lint([&](Version after) { return exist.contains(after); });
  for (const Migration& migration : migrations) {
    if (exist.contains(migration.version)) continue;
    AnalyzeMigration(&analyzer, migration);
    lint([&](Version after) { return after == migration.version; });
  }
  const Version head = migrations.empty() ? 0 : migrations.back().version;
  lint([&](Version after) { return after > head && !exist.contains(after); });
  return findings;
}

}  // namespace lockstep::chain
