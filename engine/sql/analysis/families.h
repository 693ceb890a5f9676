// The families: what each kind of statement does. Internal to engine/sql/analysis. Each function
// gets the body of the node it is named after.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FAMILIES_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FAMILIES_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Sends a typed node ({"IndexStmt": {...}}) to its family; what has none is an opaque contract.
void AnalyzeNode(Node statement, StatementContext& context);

// Says that nothing is known of what the statement does: an opaque contract. Defined beside
// AnalyzeNode.
void NotAnalysed(StatementContext& context);

// alter_table.cc: ALTER TABLE, INDEX, SEQUENCE, VIEW, MATERIALIZED VIEW, FOREIGN TABLE, TYPE by its
// commands. Its lock is the strongest that one of them takes.
void AnalyzeAlterTable(Node statement, StatementContext& context);
// One command each: `command` is the body of an AlterTableCmd. Defined in the named files.
struct AlterTarget;  // alter_table.h
// add_column.cc
void AnalyzeAddColumn(const AlterTarget& target, Node command, StatementContext& context);
// column.cc
void AnalyzeDropColumn(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeColumnDefault(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeSetNotNull(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeDropNotNull(const AlterTarget& target, Node command, StatementContext& context);
// SET, ADD and DROP IDENTITY, DROP and SET EXPRESSION.
void AnalyzeGeneratedColumn(const AlterTarget& target, Node command, StatementContext& context);
// column_type.cc
void AnalyzeColumnType(const AlterTarget& target, Node command, StatementContext& context);
// constraint.cc
void AnalyzeAddConstraint(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeValidateConstraint(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeDropConstraint(const AlterTarget& target, Node command, StatementContext& context);
void AnalyzeAlterConstraint(const AlterTarget& target, Node command, StatementContext& context);
// partition.cc
void AnalyzeAttachPartition(model::Relation& relation, Node command, StatementContext& context);
void AnalyzeDetachPartition(model::Relation& relation, Node command, StatementContext& context);
void AnalyzeInheritance(model::Relation& relation, Node command, StatementContext& context);
// table_option.cc: SET LOGGED, TABLESPACE, ACCESS METHOD, storage parameters, REPLICA IDENTITY,
// CLUSTER ON, triggers and row security switched, OWNER, OF type, statistics and storage of
// columns.
void AnalyzeTableOption(const AlterTarget& target, Node command, StatementContext& context);

// table.cc
void AnalyzeCreateTable(Node statement, StatementContext& context);    // CreateStmt
void AnalyzeCreateTableAs(Node statement, StatementContext& context);  // CreateTableAsStmt
void AnalyzeCreateForeignTable(Node statement, StatementContext& context);
void AnalyzeDropTable(Node statement, StatementContext& context);  // DropStmt of tables
void AnalyzeTruncate(Node statement, StatementContext& context);
void AnalyzeLockTable(Node statement, StatementContext& context);
void AnalyzeMoveAll(Node statement, StatementContext& context);  // ALL IN TABLESPACE
// maintenance.cc
void AnalyzeCluster(Node statement, StatementContext& context);
void AnalyzeVacuum(Node statement, StatementContext& context);  // Also ANALYZE.
void AnalyzeReindex(Node statement, StatementContext& context);
void AnalyzeStatistics(Node statement, StatementContext& context);  // CREATE STATISTICS
void AnalyzeComment(Node statement, StatementContext& context);
// index.cc
void AnalyzeCreateIndex(Node statement, StatementContext& context);
void AnalyzeDropIndex(Node statement, StatementContext& context);
// rename.cc: RenameStmt and ALTER ... SET SCHEMA of every kind of object.
void AnalyzeRename(Node statement, StatementContext& context);
void AnalyzeSetSchema(Node statement, StatementContext& context);
// drop.cc: sends a DropStmt to who knows the kind of object.
void AnalyzeDrop(Node statement, StatementContext& context);

// type.cc: enums, domains, composite and range types.
void AnalyzeCreateType(absl::string_view node_type, Node statement, StatementContext& context);
void AnalyzeAlterEnum(Node statement, StatementContext& context);
void AnalyzeAlterDomain(Node statement, StatementContext& context);
void AnalyzeAlterCompositeType(Node alter_table_statement, StatementContext& context);
void AnalyzeDropType(Node statement, StatementContext& context);
// view.cc
void AnalyzeCreateView(Node statement, StatementContext& context);
void AnalyzeRefresh(Node statement, StatementContext& context);
void AnalyzeDropView(Node statement, StatementContext& context);
// function.cc
void AnalyzeCreateFunction(Node statement, StatementContext& context);
void AnalyzeAlterFunction(Node statement, StatementContext& context);
void AnalyzeDropFunction(Node statement, StatementContext& context);
// trigger.cc: triggers and rules.
void AnalyzeCreateTrigger(Node statement, StatementContext& context);
void AnalyzeCreateRule(Node statement, StatementContext& context);
void AnalyzeDropTrigger(Node statement, StatementContext& context);  // Also rules, policies.
// policy.cc: row security.
void AnalyzePolicy(absl::string_view node_type, Node statement, StatementContext& context);
// privilege.cc: GRANT, REVOKE, owners, default privileges.
void AnalyzePrivilege(absl::string_view node_type, Node statement, StatementContext& context);
// replication.cc: publications and subscriptions.
void AnalyzeReplication(absl::string_view node_type, Node statement, StatementContext& context);
// object.cc: schemas, sequences, extensions, and what no client sees (casts, operators,
// collations, text search, foreign servers, event triggers, ...).
void AnalyzeCreateSchema(Node statement, StatementContext& context);
void AnalyzeSequence(absl::string_view node_type, Node statement, StatementContext& context);
void AnalyzeExtension(absl::string_view node_type, Node statement, StatementContext& context);
void AnalyzeOtherObject(absl::string_view node_type, Node statement, StatementContext& context);
void AnalyzeDropObject(Node statement, StatementContext& context);

// data.cc: SELECT, INSERT, UPDATE, DELETE, MERGE, COPY, EXPLAIN.
void AnalyzeData(absl::string_view node_type, Node statement, StatementContext& context);
// call.cc: what the functions that an expression or query calls do; anywhere in `node`.
void AnalyzeCalls(Node node, StatementContext& context);
// The volatility of an expression: of its functions by the catalog, built-in ones by a list;
// unknown ones count as volatile.
model::Volatility VolatilityOf(Node expression, StatementContext& context);
// dynamic.cc: DO and CALL, PL/pgSQL bodies.
void AnalyzeDynamic(absl::string_view node_type, Node statement, StatementContext& context);
// session.cc: SET, LISTEN, PREPARE, DISCARD and other words to the session.
void AnalyzeSession(absl::string_view node_type, Node statement, StatementContext& context);
// transaction.cc
void AnalyzeTransaction(Node statement, StatementContext& context);
// cluster.cc: databases, roles, tablespaces, ALTER SYSTEM.
void AnalyzeClusterWide(absl::string_view node_type, Node statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FAMILIES_H_
