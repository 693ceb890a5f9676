// ALTER TABLE ... ADD COLUMN.

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/constraint.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/expression.h"
#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Relation;

// From here on a constant default is stored once and not in every row.
constexpr int kMissingValueVersion = 110000;

// What the definition of a column says.
struct Definition {
  Node def;
  std::string name;
  model::Type type;
  bool serial = false;
  bool not_null = false;
  Node default_value;  // The expression; absent for none and for NULL.
  Node identity;
  Node generated;
  Node check;
  Node primary;
  Node unique;
  Node foreign;

  // Rows that exist get a value.
  bool HasValue() const {
    return serial || default_value.present() || identity.present() || generated.present();
  }
};

Definition DefinitionOf(Node def, const StatementContext& context) {
  Definition column{.def = def, .name = std::string(def["colname"].text())};
  column.type = ColumnType(def["typeName"], def["collClause"], context.db);
  column.serial =
      column.type.Is("serial") || column.type.Is("bigserial") || column.type.Is("smallserial");
  for (const Node item : def["constraints"].Items()) {
    const Node constraint = item.As("Constraint");
    const absl::string_view type = constraint["contype"].text();
    if (type == "CONSTR_NOTNULL") column.not_null = true;
    if (type == "CONSTR_DEFAULT" && !IsNull(constraint["raw_expr"])) {
      column.default_value = constraint["raw_expr"];
    }
    if (type == "CONSTR_IDENTITY") column.identity = constraint;
    if (type == "CONSTR_GENERATED") column.generated = constraint;
    if (type == "CONSTR_CHECK") column.check = constraint;
    if (type == "CONSTR_PRIMARY") column.primary = constraint;
    if (type == "CONSTR_UNIQUE") column.unique = constraint;
    if (type == "CONSTR_FOREIGN") column.foreign = constraint;
  }
  return column;
}

std::string Add(const Relation& relation, const Definition& column, absl::string_view type) {
  return absl::StrCat("ALTER TABLE ", relation.name.text(), " ADD COLUMN ", column.name, " ", type);
}

std::string TypeOfColumn(const Definition& column) {
  return column.serial ? column.type.Is("bigserial") ? "bigint" : "integer"
                       : model::TypeText(column.type);
}

// Whether every row must be written anew; reports why.
bool Rewrites(const Relation& relation, const Definition& column, StatementContext& context) {
  bool rewrites = false;
  const auto report = [&](Rule rule, Node at, absl::string_view what) -> Finding& {
    rewrites = true;
    Finding& finding = context.ReportOn(
        relation, rule, at, absl::StrCat("column ", ColumnText(relation, column.name), " ", what));
    finding.hint = absl::StrCat(Add(relation, column, TypeOfColumn(column)),
                                "; then set the default, fill the rows in batches and only then "
                                "SET NOT NULL");
    return finding;
  };
  if (column.serial) {
    report(Rule::kAddColumnSerial, column.def,
           "takes its values from a sequence: the table and its indexes are written anew");
  }
  if (column.identity) {
    report(Rule::kAddColumnIdentity, column.identity,
           "is numbered: the table and its indexes are written anew");
  }
  if (column.generated && column.generated["generated_kind"].text() != "v") {
    report(Rule::kAddColumnStoredGenerated, column.generated,
           "is computed and stored: the table and its indexes are written anew")
        .hint =
        absl::StrCat(Add(relation, column, TypeOfColumn(column)),
                     "; then fill it by a trigger for new rows and in batches for old ones");
  }
  if (column.default_value) {
    if (VolatilityOf(column.default_value, context) == model::Volatility::kVolatile) {
      report(Rule::kAddColumnVolatileDefault, column.default_value,
             "gets another default for each row: the table and its indexes are written anew")
          .hint = absl::StrCat(Add(relation, column, TypeOfColumn(column)), ", ALTER COLUMN ",
                               column.name, " SET DEFAULT ...; then fill the rows in batches");
    } else if (context.db.server_version < kMissingValueVersion) {
      report(Rule::kAddColumnDefaultPrePg11, column.default_value,
             "gets a default, for which this server writes the whole table anew");
    }
  }
  if (context.db.HasConstrainedDomain(column.type).value_or(false) && !column.type.array) {
    report(Rule::kAddColumnDomainConstrained, column.def,
           absl::StrCat("is of domain ", model::TypeText(column.type),
                        ", whose constraints are tried on every row while the table is written "
                        "anew"))
        .hint = "use the domain's base type and a table CHECK that is added NOT VALID";
  }
  return rewrites;
}

// Whether a row that does not name the column may fail the check: what is compared with NULL is not
// false, what is tested for NULL may be.
bool CheckRefusesOldWriters(const Definition& column) {
  const Node expression = column.check["raw_expr"];
  for (const std::string& read : ColumnsIn(expression)) {
    if (read != column.name) return true;
  }
  if (column.HasValue()) return false;
  bool tests = false;
  Walk(expression, [&](absl::string_view field, Node node) {
    tests |= field == "NullTest" || field == "CoalesceExpr" || field == "CaseExpr" ||
             field == "BooleanTest" || node["kind"].text() == "AEXPR_DISTINCT" ||
             node["kind"].text() == "AEXPR_NOT_DISTINCT";
    return !tests;
  });
  return tests;
}

// A key that rows get by themselves, all the same one, admits only one row.
bool KeyRefusesOldWriters(const Definition& column, StatementContext& context) {
  if (column.serial || column.identity) return false;
  if (column.default_value) {
    return VolatilityOf(column.default_value, context) != model::Volatility::kVolatile;
  }
  return column.unique["nulls_not_distinct"].flag();
}

void AnalyzeInlineConstraints(const AlterTarget& target, const Definition& column,
                              StatementContext& context) {
  const Relation& relation = target.relation;
  const std::string text = ColumnText(relation, column.name);
  const std::string add = Add(relation, column, TypeOfColumn(column));
  if ((column.not_null || column.primary) && !column.HasValue()) {
    ScanRows(target, context);
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
    context
        .ReportOn(relation, Rule::kAddColumnNotNullNoDefault, column.def,
                  absl::StrCat("column ", text,
                               " must not be NULL, and neither old rows nor old writers give it a "
                               "value"))
        .hint = absl::StrCat(add, " NOT NULL DEFAULT ...");
  }
  if (column.not_null && column.generated) {
    // Old writers do not name it, and what it is made of may make it NULL.
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
  }
  if (column.check) {
    ScanRows(target, context);
    context
        .ReportOn(relation, Rule::kAddColumnInlineCheck, column.check,
                  absl::StrCat("the CHECK of column ", text,
                               " is tried on every row under ACCESS EXCLUSIVE"))
        .hint = absl::StrCat(add, "; ALTER TABLE ", relation.name.text(),
                             " ADD CONSTRAINT ... CHECK (...) NOT VALID; and VALIDATE CONSTRAINT "
                             "in the next migration");
    if (CheckRefusesOldWriters(column)) {
      context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
      ReportLiveWriters(relation, column.check, context);
    }
  }
  if (column.primary || column.unique) {
    const Node key = column.primary ? column.primary : column.unique;
    ScanRows(target, context);
    if (KeyRefusesOldWriters(column, context)) {
      context.StrengthenOn(relation, Phase::kContract, ContractKind::kTighten);
    }
    context
        .ReportOn(relation, Rule::kAddColumnInlineUnique, key,
                  absl::StrCat("the index of column ", text, " is built under ACCESS EXCLUSIVE"))
        .hint =
        absl::StrCat(add, "; CREATE UNIQUE INDEX CONCURRENTLY ... ON ", relation.name.text(), " (",
                     column.name, "); ALTER TABLE ... ADD CONSTRAINT ... ",
                     column.primary ? "PRIMARY KEY" : "UNIQUE", " USING INDEX ...");
  }
  if (column.foreign) {
    const bool checks = column.HasValue();
    LockPartner(relation, column.foreign, checks, context);
    if (checks) {
      ScanRows(target, context);
      context
          .ReportOn(relation, Rule::kAddColumnInlineFk, column.foreign,
                    absl::StrCat("the foreign key of column ", text,
                                 " is tried on every row under ACCESS EXCLUSIVE"))
          .hint = absl::StrCat(add, "; ALTER TABLE ", relation.name.text(),
                               " ADD CONSTRAINT ... FOREIGN KEY (", column.name,
                               ") REFERENCES ... NOT VALID; and VALIDATE CONSTRAINT in the next "
                               "migration");
    }
    ReportCascade(relation, column.foreign, context);
  }
}

void ApplyToModel(const AlterTarget& target, const Definition& column, StatementContext& context) {
  const model::Column added = DefineColumn(target.relation, column.def, context);
  for (Relation* each : target.below) {
    context.Touches(*each, column.name, Effect::kCreate);
    if (each->FindColumn(column.name) != nullptr) continue;
    if (each->is_partition) {
      DefineColumn(*each, column.def, context);
    } else {
      each->columns.push_back(added);
    }
  }
}

}  // namespace

void AnalyzeAddColumn(const AlterTarget& target, Node command, StatementContext& context) {
  const Relation& relation = target.relation;
  const Definition column = DefinitionOf(command["def"].As("ColumnDef"), context);
  if (command["missing_ok"].flag()) context.facts.guard = Guard::kIfNotExists;
  if (relation.FindColumn(column.name) != nullptr) {
    context.facts.no_op = command["missing_ok"].flag();
    return;  // Or refused: a column of that name is there.
  }
  context.Strengthen(Phase::kExpand);
  context.Touches(relation, column.name, Effect::kCreate);
  AnalyzeCalls(column.def, context);
  // A composite type, or a table's row type, is looked into.
  if (const Relation* row = context.Find(model::Name{column.type.schema, column.type.name});
      row != nullptr && !column.type.array) {
    context.Lock(*row, LockMode::kAccessShare);
  }
  if (Rewrites(relation, column, context)) RewriteRows(target, context);
  if (column.type.name == "json" && column.type.schema == "pg_catalog") {
    context
        .ReportOn(relation, Rule::kAddColumnJson, column.def,
                  absl::StrCat("column ", ColumnText(relation, column.name),
                               " is json, which has no equality: SELECT DISTINCT * and UNION of "
                               "running code fail"))
        .hint = Add(relation, column, column.type.array ? "jsonb[]" : "jsonb");
  }
  AnalyzeInlineConstraints(target, column, context);
  ReportStyle(column.def, column.primary.present(), context);
  ApplyToModel(target, column, context);
}

}  // namespace lockstep::sql
