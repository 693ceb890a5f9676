// Which family a statement belongs to, by the type of its node.

#include <algorithm>
#include <iterator>

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using Handler = void (*)(Node, StatementContext&);
using NamedHandler = void (*)(absl::string_view, Node, StatementContext&);

// Exactly one of the handlers is set.
struct Row {
  absl::string_view type;
  StatementClassKind kind;
  Handler handler = nullptr;
  NamedHandler named = nullptr;
};

constexpr StatementClassKind kDefinition = StatementClassKind::kDefinition;
constexpr StatementClassKind kData = StatementClassKind::kData;
constexpr StatementClassKind kQuery = StatementClassKind::kQuery;
constexpr StatementClassKind kSession = StatementClassKind::kSession;

constexpr Row kRows[] = {
    {"AlterTableStmt", kDefinition, AnalyzeAlterTable},
    {"CreateStmt", kDefinition, AnalyzeCreateTable},
    {"CreateTableAsStmt", kDefinition, AnalyzeCreateTableAs},
    {"CreateForeignTableStmt", kDefinition, AnalyzeCreateForeignTable},
    {"AlterTableMoveAllStmt", kDefinition, AnalyzeMoveAll},
    {"TruncateStmt", kData, AnalyzeTruncate},
    {"LockStmt", StatementClassKind::kOther, AnalyzeLockTable},
    {"ClusterStmt", kDefinition, AnalyzeCluster},
    {"VacuumStmt", StatementClassKind::kOther, AnalyzeVacuum},
    {"ReindexStmt", kDefinition, AnalyzeReindex},
    {"CreateStatsStmt", kDefinition, AnalyzeStatistics},
    {"AlterStatsStmt", kDefinition, AnalyzeStatistics},
    {"CommentStmt", kDefinition, AnalyzeComment},
    {"SecLabelStmt", kDefinition, AnalyzeComment},
    {"IndexStmt", kDefinition, AnalyzeCreateIndex},
    {"RenameStmt", kDefinition, AnalyzeRename},
    {"AlterObjectSchemaStmt", kDefinition, AnalyzeSetSchema},
    {"DropStmt", kDefinition, AnalyzeDrop},
    {"CompositeTypeStmt", kDefinition, nullptr, AnalyzeCreateType},
    {"CreateEnumStmt", kDefinition, nullptr, AnalyzeCreateType},
    {"CreateRangeStmt", kDefinition, nullptr, AnalyzeCreateType},
    {"CreateDomainStmt", kDefinition, nullptr, AnalyzeCreateType},
    {"AlterEnumStmt", kDefinition, AnalyzeAlterEnum},
    {"AlterDomainStmt", kDefinition, AnalyzeAlterDomain},
    {"ViewStmt", kDefinition, AnalyzeCreateView},
    {"RefreshMatViewStmt", kData, AnalyzeRefresh},
    {"CreateFunctionStmt", kDefinition, AnalyzeCreateFunction},
    {"AlterFunctionStmt", kDefinition, AnalyzeAlterFunction},
    {"CreateTrigStmt", kDefinition, AnalyzeCreateTrigger},
    {"RuleStmt", kDefinition, AnalyzeCreateRule},
    {"CreatePolicyStmt", kDefinition, nullptr, AnalyzePolicy},
    {"AlterPolicyStmt", kDefinition, nullptr, AnalyzePolicy},
    {"GrantStmt", kDefinition, nullptr, AnalyzePrivilege},
    {"AlterDefaultPrivilegesStmt", kDefinition, nullptr, AnalyzePrivilege},
    {"AlterOwnerStmt", kDefinition, nullptr, AnalyzePrivilege},
    {"ReassignOwnedStmt", kDefinition, nullptr, AnalyzePrivilege},
    {"DropOwnedStmt", kDefinition, nullptr, AnalyzePrivilege},
    {"CreatePublicationStmt", kDefinition, nullptr, AnalyzeReplication},
    {"AlterPublicationStmt", kDefinition, nullptr, AnalyzeReplication},
    {"CreateSubscriptionStmt", kDefinition, nullptr, AnalyzeReplication},
    {"AlterSubscriptionStmt", kDefinition, nullptr, AnalyzeReplication},
    {"DropSubscriptionStmt", kDefinition, nullptr, AnalyzeReplication},
    {"CreateSchemaStmt", kDefinition, AnalyzeCreateSchema},
    {"CreateSeqStmt", kDefinition, nullptr, AnalyzeSequence},
    {"AlterSeqStmt", kDefinition, nullptr, AnalyzeSequence},
    {"CreateExtensionStmt", kDefinition, nullptr, AnalyzeExtension},
    {"AlterExtensionStmt", kDefinition, nullptr, AnalyzeExtension},
    {"AlterExtensionContentsStmt", kDefinition, nullptr, AnalyzeExtension},
    {"DefineStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateCastStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateConversionStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateTransformStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreatePLangStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateOpClassStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateOpFamilyStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterOpFamilyStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterOperatorStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterTypeStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterCollationStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterObjectDependsStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateAmStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateFdwStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterFdwStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateForeignServerStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterForeignServerStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateUserMappingStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterUserMappingStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"DropUserMappingStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"ImportForeignSchemaStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"CreateEventTrigStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterEventTrigStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterTSDictionaryStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"AlterTSConfigurationStmt", kDefinition, nullptr, AnalyzeOtherObject},
    {"SelectStmt", kQuery, nullptr, AnalyzeData},
    {"InsertStmt", kData, nullptr, AnalyzeData},
    {"UpdateStmt", kData, nullptr, AnalyzeData},
    {"DeleteStmt", kData, nullptr, AnalyzeData},
    {"MergeStmt", kData, nullptr, AnalyzeData},
    {"CopyStmt", kData, nullptr, AnalyzeData},
    {"ExplainStmt", kQuery, nullptr, AnalyzeData},
    {"DoStmt", StatementClassKind::kOther, nullptr, AnalyzeDynamic},
    {"CallStmt", StatementClassKind::kOther, nullptr, AnalyzeDynamic},
    {"VariableSetStmt", kSession, nullptr, AnalyzeSession},
    {"VariableShowStmt", kSession, nullptr, AnalyzeSession},
    {"ConstraintsSetStmt", kSession, nullptr, AnalyzeSession},
    {"ListenStmt", kSession, nullptr, AnalyzeSession},
    {"UnlistenStmt", kSession, nullptr, AnalyzeSession},
    {"NotifyStmt", kSession, nullptr, AnalyzeSession},
    {"DiscardStmt", kSession, nullptr, AnalyzeSession},
    {"LoadStmt", kSession, nullptr, AnalyzeSession},
    {"CheckPointStmt", kSession, nullptr, AnalyzeSession},
    {"PrepareStmt", kSession, nullptr, AnalyzeSession},
    {"ExecuteStmt", kSession, nullptr, AnalyzeSession},
    {"DeallocateStmt", kSession, nullptr, AnalyzeSession},
    {"DeclareCursorStmt", kSession, nullptr, AnalyzeSession},
    {"FetchStmt", kSession, nullptr, AnalyzeSession},
    {"ClosePortalStmt", kSession, nullptr, AnalyzeSession},
    {"TransactionStmt", StatementClassKind::kTransaction, AnalyzeTransaction},
    {"CreatedbStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"DropdbStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterDatabaseStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterDatabaseSetStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterDatabaseRefreshCollStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"CreateRoleStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterRoleStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterRoleSetStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"DropRoleStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"GrantRoleStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"CreateTableSpaceStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"DropTableSpaceStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterTableSpaceOptionsStmt", kDefinition, nullptr, AnalyzeClusterWide},
    {"AlterSystemStmt", kDefinition, nullptr, AnalyzeClusterWide},
};

}  // namespace

void NotAnalysed(StatementContext& context) {
  context.facts.opaque = true;
  context.Strengthen(Phase::kContract, ContractKind::kOpaque);
}

void AnalyzeNode(Node statement, StatementContext& context) {
  const absl::string_view type = statement.type();
  const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                [&](const Row& r) { return r.type == type; });
  if (row == std::end(kRows)) {
    NotAnalysed(context);
    return;
  }
  // The outermost statement says what it is; one inside of it (a CTE, a DO block's) may only make
  // more of it.
  if (context.facts.node.empty()) {
    context.facts.node = std::string(type);
    context.facts.kind = row->kind;
  }
  if (row->handler != nullptr) {
    row->handler(statement.body(), context);
  } else {
    row->named(type, statement.body(), context);
  }
}

}  // namespace lockstep::sql
