#include "engine/sql/rules/rule.h"

#include <array>
#include <cstddef>
#include <iterator>

#include "engine/sql/rules/column_texts.h"
#include "engine/sql/rules/constraint_texts.h"
#include "engine/sql/rules/object_texts.h"
#include "engine/sql/rules/session_texts.h"
#include "engine/sql/rules/table_texts.h"

namespace lockstep::sql {
namespace {

constexpr RuleInfo kRows[] = {
    {.rule = Rule::kAddColumnVolatileDefault,
     .id = "add-column-volatile-default",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnDefaultPrePg11,
     .id = "add-column-default-pre-pg11",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnNotNullNoDefault,
     .id = "add-column-not-null-no-default",
     .severity = Severity::kError},
    {.rule = Rule::kAddColumnSerial,
     .id = "add-column-serial",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnIdentity,
     .id = "add-column-identity",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnStoredGenerated,
     .id = "add-column-stored-generated",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnDomainConstrained,
     .id = "add-column-domain-constrained",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnInlineCheck,
     .id = "add-column-inline-check",
     .severity = Severity::kWarning,
     .scales = true},
    {.rule = Rule::kAddColumnInlineUnique,
     .id = "add-column-inline-unique",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddColumnInlineFk,
     .id = "add-column-inline-fk",
     .severity = Severity::kWarning,
     .scales = true},
    {.rule = Rule::kAddColumnJson, .id = "add-column-json", .severity = Severity::kWarning},
    {.rule = Rule::kDropColumn, .id = "drop-column", .severity = Severity::kError, .gate = true},
    {.rule = Rule::kDropColumnDependents,
     .id = "drop-column-dependents",
     .severity = Severity::kWarning},
    {.rule = Rule::kRenameColumn, .id = "rename-column", .severity = Severity::kError},
    {.rule = Rule::kAlterColumnTypeRewrite,
     .id = "alter-column-type-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAlterColumnTypeIndexRebuild,
     .id = "alter-column-type-index-rebuild",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAlterColumnTypeNarrowing,
     .id = "alter-column-type-narrowing",
     .severity = Severity::kError},
    {.rule = Rule::kAlterColumnTypeUnknown,
     .id = "alter-column-type-unknown",
     .severity = Severity::kWarning},
    {.rule = Rule::kAlterColumnTypeBlocked,
     .id = "alter-column-type-blocked",
     .severity = Severity::kError},
    {.rule = Rule::kSetNotNullScan,
     .id = "set-not-null-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kDropNotNull,
     .id = "drop-not-null",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kDropDefault,
     .id = "drop-default",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kChangeDefault, .id = "change-default", .severity = Severity::kInfo},
    {.rule = Rule::kTightenGenerated,
     .id = "tighten-generated",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kSetExpressionRewrite,
     .id = "set-expression-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddCheckValidating,
     .id = "add-check-validating",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddForeignKeyValidating,
     .id = "add-foreign-key-validating",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddPrimaryKeyScan,
     .id = "add-primary-key-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddPrimaryKeyUsingIndexNullable,
     .id = "add-primary-key-using-index-nullable",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddUniqueConstraintScan,
     .id = "add-unique-constraint-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddExclusionConstraint,
     .id = "add-exclusion-constraint",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kAddConstraintOnLiveWriters,
     .id = "add-constraint-on-live-writers",
     .severity = Severity::kInfo,
     .gate = true},
    {.rule = Rule::kValidateConstraintSameTransaction,
     .id = "validate-constraint-same-transaction",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kDropConstraint,
     .id = "drop-constraint",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kFkWithoutIndex,
     .id = "fk-without-index",
     .severity = Severity::kWarning,
     .scales = true},
    {.rule = Rule::kFkCascadeAction, .id = "fk-cascade-action", .severity = Severity::kInfo},
    {.rule = Rule::kUnnamedConstraint, .id = "unnamed-constraint", .severity = Severity::kWarning},
    {.rule = Rule::kNotEnforcedConstraint,
     .id = "not-enforced-constraint",
     .severity = Severity::kInfo},
    {.rule = Rule::kDropTable, .id = "drop-table", .severity = Severity::kError, .gate = true},
    {.rule = Rule::kDropCascade, .id = "drop-cascade", .severity = Severity::kError},
    {.rule = Rule::kRenameTable, .id = "rename-table", .severity = Severity::kError},
    {.rule = Rule::kRenameObject, .id = "rename-object", .severity = Severity::kError},
    {.rule = Rule::kRenameIndexLock, .id = "rename-index-lock", .severity = Severity::kWarning},
    {.rule = Rule::kSetLoggedRewrite,
     .id = "set-logged-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kSetTablespaceRewrite,
     .id = "set-tablespace-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kSetAccessMethodRewrite,
     .id = "set-access-method-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kClusterRewrite,
     .id = "cluster-rewrite",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kVacuumFull, .id = "vacuum-full", .severity = Severity::kError, .scales = true},
    {.rule = Rule::kTruncate, .id = "truncate", .severity = Severity::kError},
    {.rule = Rule::kTruncateCascade, .id = "truncate-cascade", .severity = Severity::kError},
    {.rule = Rule::kAttachPartitionScan,
     .id = "attach-partition-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kPartitionDefaultScan,
     .id = "partition-default-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kCreatePartitionOfLocksParent,
     .id = "create-partition-of-locks-parent",
     .severity = Severity::kWarning},
    {.rule = Rule::kDetachPartitionBlocking,
     .id = "detach-partition-blocking",
     .severity = Severity::kError},
    {.rule = Rule::kExplicitLockTable, .id = "explicit-lock-table", .severity = Severity::kWarning},
    {.rule = Rule::kReplicaIdentityChange,
     .id = "replica-identity-change",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kCreateTableNoPrimaryKey,
     .id = "create-table-no-primary-key",
     .severity = Severity::kInfo},
    {.rule = Rule::kCreateUnloggedTable,
     .id = "create-unlogged-table",
     .severity = Severity::kWarning},
    {.rule = Rule::kMisleadingIfNotExists,
     .id = "misleading-if-not-exists",
     .severity = Severity::kWarning},
    {.rule = Rule::kCreateIndexBlocking,
     .id = "create-index-blocking",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kCreateUniqueIndex,
     .id = "create-unique-index",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kCreateIndexPartitioned,
     .id = "create-index-partitioned",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kInvalidIndexLeftover,
     .id = "invalid-index-leftover",
     .severity = Severity::kError},
    {.rule = Rule::kDropIndexBlocking,
     .id = "drop-index-blocking",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kDropUniqueIndex,
     .id = "drop-unique-index",
     .severity = Severity::kError,
     .gate = true},
    {.rule = Rule::kReindexBlocking,
     .id = "reindex-blocking",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kWideIndex, .id = "wide-index", .severity = Severity::kInfo},
    {.rule = Rule::kEnumValueUsedSameTransaction,
     .id = "enum-value-used-same-transaction",
     .severity = Severity::kError},
    {.rule = Rule::kEnumAddValueTransaction,
     .id = "enum-add-value-transaction",
     .severity = Severity::kError},
    {.rule = Rule::kEnumAddValueReaders,
     .id = "enum-add-value-readers",
     .severity = Severity::kInfo,
     .gate = true},
    {.rule = Rule::kDropType, .id = "drop-type", .severity = Severity::kError, .gate = true},
    {.rule = Rule::kAlterDomainScan,
     .id = "alter-domain-scan",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kCreateDomainWithConstraint,
     .id = "create-domain-with-constraint",
     .severity = Severity::kInfo},
    {.rule = Rule::kAlterCompositeType, .id = "alter-composite-type", .severity = Severity::kError},
    {.rule = Rule::kDropView, .id = "drop-view", .severity = Severity::kError, .gate = true},
    {.rule = Rule::kReplaceViewIncompatible,
     .id = "replace-view-incompatible",
     .severity = Severity::kError},
    {.rule = Rule::kRefreshMatviewBlocking,
     .id = "refresh-matview-blocking",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kFunctionSignatureChange,
     .id = "function-signature-change",
     .severity = Severity::kError},
    {.rule = Rule::kFunctionBodyChange, .id = "function-body-change", .severity = Severity::kInfo},
    {.rule = Rule::kDropFunction,
     .id = "drop-function",
     .severity = Severity::kError,
     .gate = true},
    {.rule = Rule::kCreateTrigger, .id = "create-trigger", .severity = Severity::kWarning},
    {.rule = Rule::kDropTrigger,
     .id = "drop-trigger",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kDisableTrigger, .id = "disable-trigger", .severity = Severity::kError},
    {.rule = Rule::kCreateRule, .id = "create-rule", .severity = Severity::kWarning},
    {.rule = Rule::kEnableRls, .id = "enable-rls", .severity = Severity::kError, .gate = true},
    {.rule = Rule::kPolicyChange,
     .id = "policy-change",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kRevokePrivilege,
     .id = "revoke-privilege",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kReplicationChange,
     .id = "replication-change",
     .severity = Severity::kWarning,
     .gate = true},
    {.rule = Rule::kExtensionChange, .id = "extension-change", .severity = Severity::kWarning},
    {.rule = Rule::kDropExtension,
     .id = "drop-extension",
     .severity = Severity::kError,
     .gate = true},
    {.rule = Rule::kUnboundedDml,
     .id = "unbounded-dml",
     .severity = Severity::kError,
     .scales = true},
    {.rule = Rule::kDataInMigration, .id = "data-in-migration", .severity = Severity::kInfo},
    {.rule = Rule::kMixDdlDml, .id = "mix-ddl-dml", .severity = Severity::kWarning},
    {.rule = Rule::kNonIdempotentDml, .id = "non-idempotent-dml", .severity = Severity::kWarning},
    {.rule = Rule::kSequenceChange, .id = "sequence-change", .severity = Severity::kWarning},
    {.rule = Rule::kNonTransactionalInTransaction,
     .id = "non-transactional-in-transaction",
     .severity = Severity::kError},
    {.rule = Rule::kNonTransactionalNotAlone,
     .id = "non-transactional-not-alone",
     .severity = Severity::kError},
    {.rule = Rule::kStatementAfterStrongLock,
     .id = "statement-after-strong-lock",
     .severity = Severity::kWarning},
    {.rule = Rule::kWideLockWindow, .id = "wide-lock-window", .severity = Severity::kWarning},
    {.rule = Rule::kMergeAlterTable, .id = "merge-alter-table", .severity = Severity::kInfo},
    {.rule = Rule::kGuardedNoopLock, .id = "guarded-noop-lock", .severity = Severity::kInfo},
    {.rule = Rule::kBriefAccessExclusive,
     .id = "brief-access-exclusive",
     .severity = Severity::kInfo},
    {.rule = Rule::kTransactionControl, .id = "transaction-control", .severity = Severity::kError},
    {.rule = Rule::kTimeoutOverride, .id = "timeout-override", .severity = Severity::kError},
    {.rule = Rule::kIdentityChange, .id = "identity-change", .severity = Severity::kError},
    {.rule = Rule::kSessionStateLeak, .id = "session-state-leak", .severity = Severity::kWarning},
    {.rule = Rule::kUnsafeSetting, .id = "unsafe-setting", .severity = Severity::kError},
    {.rule = Rule::kAdvisoryLockUse, .id = "advisory-lock-use", .severity = Severity::kError},
    {.rule = Rule::kBackendControl, .id = "backend-control", .severity = Severity::kError},
    {.rule = Rule::kControlPlaneWrite, .id = "control-plane-write", .severity = Severity::kError},
    {.rule = Rule::kSessionCommand, .id = "session-command", .severity = Severity::kError},
    {.rule = Rule::kClusterWideChange, .id = "cluster-wide-change", .severity = Severity::kError},
    {.rule = Rule::kCopyStream, .id = "copy-stream", .severity = Severity::kError},
    {.rule = Rule::kCopyServerSide, .id = "copy-server-side", .severity = Severity::kError},
    {.rule = Rule::kPsqlMetaCommand, .id = "psql-meta-command", .severity = Severity::kError},
    {.rule = Rule::kOpaqueDynamicSql, .id = "opaque-dynamic-sql", .severity = Severity::kWarning},
    {.rule = Rule::kMissingGuard, .id = "missing-guard", .severity = Severity::kWarning},
    {.rule = Rule::kIdentifierTooLong, .id = "identifier-too-long", .severity = Severity::kWarning},
    {.rule = Rule::kUnqualifiedName, .id = "unqualified-name", .severity = Severity::kInfo},
    {.rule = Rule::kParseError, .id = "parse-error", .severity = Severity::kError},
    {.rule = Rule::kPreferBigintKey, .id = "prefer-bigint-key", .severity = Severity::kInfo},
    {.rule = Rule::kPreferTimestamptz, .id = "prefer-timestamptz", .severity = Severity::kInfo},
    {.rule = Rule::kPreferText, .id = "prefer-text", .severity = Severity::kInfo},
    {.rule = Rule::kPreferIdentity, .id = "prefer-identity", .severity = Severity::kInfo},
    {.rule = Rule::kAvoidType, .id = "avoid-type", .severity = Severity::kInfo},
    {.rule = Rule::kUnusedAllow, .id = "unused-allow", .severity = Severity::kWarning},
    {.rule = Rule::kUnknownRule, .id = "unknown-rule", .severity = Severity::kError},
    {.rule = Rule::kMixedPhases, .id = "mixed-phases", .severity = Severity::kInfo},
};

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (static_cast<size_t>(kRows[i].rule) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "one row for each rule, in the order of the enum");

using Rules = std::array<RuleInfo, std::size(kRows)>;

constexpr void Join(std::span<const RuleText> texts, Rules* rules) {
  for (const RuleText& text : texts) {
    RuleInfo& info = (*rules)[static_cast<size_t>(text.rule)];
    size_t steps = 0;
    while (steps < text.steps.size() && !text.steps[steps].empty()) ++steps;
    info.reason = text.reason;
    info.steps = std::span(text.steps.data(), steps);
  }
}

// Rows and texts.
constexpr Rules Joined() {
  Rules rules = {};
  for (size_t i = 0; i < rules.size(); ++i) rules[i] = kRows[i];
  Join(kColumnTexts, &rules);
  Join(kConstraintTexts, &rules);
  Join(kTableTexts, &rules);
  Join(kObjectTexts, &rules);
  Join(kSessionTexts, &rules);
  return rules;
}
constexpr Rules kRules = Joined();

constexpr bool AllHaveReasons() {
  for (const RuleInfo& info : kRules) {
    if (info.reason.empty()) return false;
    if (info.severity == Severity::kError && info.steps.empty()) return false;
  }
  return true;
}
static_assert(AllHaveReasons(), "a text for each rule, with steps for each error");

constexpr std::array<absl::string_view, 3> kSeverities = {"info", "warning", "error"};

}  // namespace

absl::string_view SeverityName(Severity severity) {
  return kSeverities[static_cast<size_t>(severity)];
}

std::optional<Severity> ParseSeverity(absl::string_view name) {
  for (size_t i = 0; i < kSeverities.size(); ++i) {
    if (kSeverities[i] == name) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

const RuleInfo& InfoOf(Rule rule) { return kRules[static_cast<size_t>(rule)]; }

std::optional<Rule> FindRule(absl::string_view id) {
  for (const RuleInfo& info : kRules) {
    if (info.id == id) return info.rule;
  }
  return std::nullopt;
}

std::span<const RuleInfo> AllRules() { return kRules; }

}  // namespace lockstep::sql
