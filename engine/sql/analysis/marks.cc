#include "engine/sql/analysis/marks.h"

#include <algorithm>

namespace lockstep::sql {
namespace {

size_t PlaceOf(Node node) {
  return static_cast<size_t>(std::max<int64_t>(node["location"].number(), 0));
}

void AddForeignKey(const model::Name& table, Node constraint, absl::string_view column,
                   Marks* marks) {
  Marks::ForeignKey key{.table = table, .offset = PlaceOf(constraint)};
  for (const Node& name : constraint["fk_attrs"].Items()) key.columns.emplace_back(name.text());
  if (key.columns.empty() && !column.empty()) key.columns.emplace_back(column);
  if (!key.columns.empty()) marks->foreign_keys.push_back(std::move(key));
}

void AddColumnMarks(const model::Name& table, Node column, Marks* marks) {
  for (const Node& item : column["constraints"].Items()) {
    const Node constraint = item.As("Constraint");
    if (constraint["contype"].text() == "CONSTR_FOREIGN") {
      AddForeignKey(table, constraint, column["colname"].text(), marks);
    }
  }
}

void AddConstraintMarks(const model::Name& table, Node constraint, Marks* marks) {
  if (constraint["contype"].text() == "CONSTR_FOREIGN") {
    AddForeignKey(table, constraint, "", marks);
  }
  if (constraint["skip_validation"].flag() && constraint["conname"]) {
    marks->added_not_valid.emplace_back(table, std::string(constraint["conname"].text()));
  }
}

void AddAlterMarks(Node statement, Marks* marks) {
  const model::Name table = model::NameOf(statement["relation"]);
  marks->altered = table;
  for (const Node& item : statement["cmds"].Items()) {
    const Node command = item.As("AlterTableCmd");
    const absl::string_view subtype = command["subtype"].text();
    if (subtype == "AT_AddConstraint") {
      AddConstraintMarks(table, command["def"].As("Constraint"), marks);
      marks->unguarded = true;  // Has no guard at all.
    } else if (subtype == "AT_ValidateConstraint") {
      marks->validated.emplace_back(table, std::string(command["name"].text()));
    } else if (subtype == "AT_AddColumn") {
      AddColumnMarks(table, command["def"].As("ColumnDef"), marks);
      marks->unguarded |= !command["missing_ok"].flag();
    } else if (subtype == "AT_DropColumn" || subtype == "AT_DropConstraint") {
      marks->unguarded |= !command["missing_ok"].flag();
    }
  }
}

void AddCreateMarks(Node statement, Marks* marks) {
  const model::Name table = model::NameOf(statement["relation"]);
  for (const Node& item : statement["tableElts"].Items()) {
    if (const Node column = item.As("ColumnDef")) AddColumnMarks(table, column, marks);
    if (const Node constraint = item.As("Constraint")) {
      AddConstraintMarks(table, constraint, marks);
    }
  }
}

bool IsUnguarded(absl::string_view type, Node body) {
  if (type == "CreateStmt" || type == "IndexStmt" || type == "CreateSeqStmt" ||
      type == "CreateSchemaStmt" || type == "CreateExtensionStmt") {
    return !body["if_not_exists"].flag();
  }
  if (type == "CreateTableAsStmt") return !body["if_not_exists"].flag();
  if (type == "DropStmt") return !body["missing_ok"].flag();
  if (type == "ViewStmt" || type == "CreateFunctionStmt" || type == "CreateTrigStmt") {
    return !body["replace"].flag();
  }
  if (type == "AlterEnumStmt") return !body["oldVal"] && !body["skipIfNewValExists"].flag();
  return type == "CreateEnumStmt" || type == "CreateDomainStmt" || type == "CompositeTypeStmt" ||
         type == "CreatePolicyStmt" || type == "RenameStmt";
}

}  // namespace

Marks MarksOf(Node statement) {
  Marks marks;
  const absl::string_view type = statement.type();
  const Node body = statement.body();
  if (type == "AlterTableStmt") {
    AddAlterMarks(body, &marks);
  } else {
    if (type == "CreateStmt") AddCreateMarks(body, &marks);
    if (type == "AlterEnumStmt" && !body["oldVal"]) {
      marks.new_labels.emplace_back(body["newVal"].text());
    }
    marks.unguarded = IsUnguarded(type, body);
  }
  return marks;
}

std::vector<std::pair<std::string, size_t>> StringsIn(Node statement) {
  std::vector<std::pair<std::string, size_t>> strings;
  Walk(statement, [&](absl::string_view name, Node node) {
    if (name == "A_Const" && node["sval"]) {
      strings.emplace_back(node["sval"]["sval"].text(), PlaceOf(node));
    }
    return true;
  });
  return strings;
}

}  // namespace lockstep::sql
