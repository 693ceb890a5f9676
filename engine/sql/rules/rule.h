// The rules of lint, those of the safety analysis and others: one table that feeds lint, `lint
// --explain` and docs/rules.
#ifndef LOCKSTEP_ENGINE_SQL_RULES_RULE_H_
#define LOCKSTEP_ENGINE_SQL_RULES_RULE_H_

#include <optional>
#include <span>

#include "absl/strings/string_view.h"

namespace lockstep::sql {

enum class Severity { kInfo, kWarning, kError };

absl::string_view SeverityName(Severity severity);  // "info", "warning", "error".
std::optional<Severity> ParseSeverity(absl::string_view name);

// One for each rule, named after its id: kDropColumn is "drop-column". Stored nowhere; ids are.
enum class Rule {
  kAddColumnVolatileDefault,
  kAddColumnDefaultPrePg11,
  kAddColumnNotNullNoDefault,
  kAddColumnSerial,
  kAddColumnIdentity,
  kAddColumnStoredGenerated,
  kAddColumnDomainConstrained,
  kAddColumnInlineCheck,
  kAddColumnInlineUnique,
  kAddColumnInlineFk,
  kAddColumnJson,
  kDropColumn,
  kDropColumnDependents,
  kRenameColumn,
  kAlterColumnTypeRewrite,
  kAlterColumnTypeIndexRebuild,
  kAlterColumnTypeNarrowing,
  kAlterColumnTypeUnknown,
  kAlterColumnTypeBlocked,
  kSetNotNullScan,
  kDropNotNull,
  kDropDefault,
  kChangeDefault,
  kTightenGenerated,
  kSetExpressionRewrite,
  kAddCheckValidating,
  kAddForeignKeyValidating,
  kAddPrimaryKeyScan,
  kAddPrimaryKeyUsingIndexNullable,
  kAddUniqueConstraintScan,
  kAddExclusionConstraint,
  kAddConstraintOnLiveWriters,
  kValidateConstraintSameTransaction,
  kDropConstraint,
  kFkWithoutIndex,
  kFkCascadeAction,
  kUnnamedConstraint,
  kNotEnforcedConstraint,
  kDropTable,
  kDropCascade,
  kRenameTable,
  kRenameObject,
  kRenameIndexLock,
  kSetLoggedRewrite,
  kSetTablespaceRewrite,
  kSetAccessMethodRewrite,
  kClusterRewrite,
  kVacuumFull,
  kTruncate,
  kTruncateCascade,
  kAttachPartitionScan,
  kPartitionDefaultScan,
  kCreatePartitionOfLocksParent,
  kDetachPartitionBlocking,
  kExplicitLockTable,
  kReplicaIdentityChange,
  kCreateTableNoPrimaryKey,
  kCreateUnloggedTable,
  kMisleadingIfNotExists,
  kCreateIndexBlocking,
  kCreateUniqueIndex,
  kCreateIndexPartitioned,
  kInvalidIndexLeftover,
  kDropIndexBlocking,
  kDropUniqueIndex,
  kReindexBlocking,
  kWideIndex,
  kEnumValueUsedSameTransaction,
  kEnumAddValueTransaction,
  kEnumAddValueReaders,
  kDropType,
  kAlterDomainScan,
  kCreateDomainWithConstraint,
  kAlterCompositeType,
  kDropView,
  kReplaceViewIncompatible,
  kRefreshMatviewBlocking,
  kFunctionSignatureChange,
  kFunctionBodyChange,
  kDropFunction,
  kCreateTrigger,
  kDropTrigger,
  kDisableTrigger,
  kCreateRule,
  kEnableRls,
  kPolicyChange,
  kRevokePrivilege,
  kReplicationChange,
  kExtensionChange,
  kDropExtension,
  kUnboundedDml,
  kDataInMigration,
  kMixDdlDml,
  kNonIdempotentDml,
  kSequenceChange,
  kNonTransactionalInTransaction,
  kNonTransactionalNotAlone,
  kStatementAfterStrongLock,
  kWideLockWindow,
  kMergeAlterTable,
  kGuardedNoopLock,
  kBriefAccessExclusive,
  kTransactionControl,
  kTimeoutOverride,
  kIdentityChange,
  kSessionStateLeak,
  kUnsafeSetting,
  kAdvisoryLockUse,
  kBackendControl,
  kControlPlaneWrite,
  kSessionCommand,
  kClusterWideChange,
  kCopyStream,
  kCopyServerSide,
  kPsqlMetaCommand,
  kOpaqueDynamicSql,
  kMissingGuard,
  kIdentifierTooLong,
  kUnqualifiedName,
  kParseError,
  kPreferBigintKey,
  kPreferTimestamptz,
  kPreferText,
  kPreferIdentity,
  kAvoidType,
  // Rules about directives and files, beside those about statements.
  kUnusedAllow,
  kUnknownRule,
  kMixedPhases,
  // Of backfills.
  kBackfillNotCovered,
  kBackfillWholeTable,
  kBackfillParameter,
  kBackfillVerifyNoQuery,
  kBackfillNoVerify,
  kBackfillContract,
  kBackfillUnknownTable,
  // Of service files, and of the fleet that runs.
  kUnknownUse,
  kRemovedUse,
  kConcernsLiveBuild,
};

// What a rule is about: whose page it has, and who may allow it.
enum class RuleSubject {
  kStatement,  // A statement or directive, of a migration or a backfill.
  kBackfill,
  kServiceFile,
  kFleet,
};

struct RuleInfo {
  Rule rule;
  absl::string_view id;  // "drop-column": stable, in directives, SARIF and docs.
  Severity severity;
  // Right as written, but it must wait for the fleet: the interlock's business. Never blocks
  // publishing.
  bool gate = false;
  // What it costs grows with the table, so that an error on a small one is only a warning.
  bool scales = false;
  RuleSubject about = RuleSubject::kStatement;
  // One sentence: why, naming the lock and what it does to others.
  absl::string_view reason = {};
  // What to do instead, in order. Each step is a migration of its own unless it says otherwise.
  std::span<const absl::string_view> steps = {};
};

// Below both, a table is small: a scan or rewrite of it is over before anybody notices.
inline constexpr int kSmallTableRows = 10'000;
inline constexpr int kSmallTableBytes = 10 * 1024 * 1024;

const RuleInfo& InfoOf(Rule rule);
// Absent when there is no such rule.
std::optional<Rule> FindRule(absl::string_view id);
// All of them, in the order of the enum.
std::span<const RuleInfo> AllRules();

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_RULES_RULE_H_
