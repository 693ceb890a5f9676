#include "engine/sql/analysis/policy.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/query_reads.h"

namespace lockstep::sql {
namespace {

using model::Policy;
using model::Relation;

constexpr char kReview[] = "check for every role in use which rows it sees and writes afterwards";

// Its conditions are parsed: relations of their subqueries are locked.
std::set<std::string> ClaimConditions(Node statement, const Relation& table,
                                      StatementContext& context) {
  std::set<std::string> columns;
  for (const absl::string_view field : {"qual", "with_check"}) {
    const Node condition = statement[field];
    for (const std::string& column : ColumnsIn(condition)) {
      if (!table.complete || table.FindColumn(column) != nullptr) columns.insert(column);
    }
    ClaimReads(ReadsOf(condition, context), context);
  }
  return columns;
}

void CreatePolicy(Node statement, StatementContext& context) {
  Relation& table = context.Resolve(statement["table"]);
  Policy policy{.name = std::string(statement["policy_name"].text()),
                .permissive = statement["permissive"].flag()};
  context.Lock(table, LockMode::kAccessExclusive);
  policy.columns = ClaimConditions(statement, table, context);
  if (policy.permissive) {
    context.Touches(table, "", Effect::kAlter);
    context.Strengthen(Phase::kExpand);
  } else {
    context.Touches(table, "", Effect::kBreak);
    context.StrengthenOn(table, Phase::kContract, ContractKind::kTighten);
    context
        .ReportOn(table, Rule::kPolicyChange, statement["table"],
                  absl::StrCat("restrictive policy ", policy.name, " takes rows of ",
                               table.name.text(), " away from roles that have them now"))
        .hint = kReview;
  }
  std::erase_if(table.policies, [&](const Policy& p) { return p.name == policy.name; });
  table.policies.push_back(std::move(policy));
}

void AlterPolicy(Node statement, StatementContext& context) {
  Relation& table = context.Resolve(statement["table"]);
  const std::string name(statement["policy_name"].text());
  context.Lock(table, LockMode::kAccessExclusive);
  context.Touches(table, "", Effect::kBreak);
  const std::set<std::string> columns = ClaimConditions(statement, table, context);
  context.StrengthenOn(table, Phase::kContract, ContractKind::kTighten);
  context
      .ReportOn(table, Rule::kPolicyChange, statement["table"],
                absl::StrCat("policy ", name, " of ", table.name.text(),
                             " lets other roles or rows through than before"))
      .hint = kReview;
  const auto policy = std::find_if(table.policies.begin(), table.policies.end(),
                                   [&](const Policy& p) { return p.name == name; });
  if (policy != table.policies.end()) policy->columns.insert(columns.begin(), columns.end());
}

}  // namespace

void DropPolicy(Relation& table, const std::string& name, StatementContext& context) {
  context
      .ReportOn(table, Rule::kPolicyChange, Node(),
                absl::StrCat("without policy ", name, " roles see other rows of ",
                             table.name.text(), " than before"))
      .hint = kReview;
  std::erase_if(table.policies, [&](const Policy& policy) { return policy.name == name; });
}

void AnalyzePolicy(absl::string_view node_type, Node statement, StatementContext& context) {
  if (node_type == "CreatePolicyStmt") return CreatePolicy(statement, context);
  AlterPolicy(statement, context);
}

}  // namespace lockstep::sql
