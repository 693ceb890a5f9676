#include "engine/sql/analysis/query_reads.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;

constexpr int kOutermost = -1;

bool IsSystem(const Name& name) {
  return name.schema == "pg_catalog" || name.schema == "information_schema" ||
         (name.schema.empty() && absl::StartsWith(name.name, "pg_"));
}

// The relations and WITH queries that the names of one SELECT (or data statement) can mean.
struct Source {
  std::string alias;
  const Relation* relation = nullptr;  // Null for what is no relation.
};
struct Scope {
  int parent = kOutermost;
  std::set<std::string> with;
  std::vector<Source> sources;
};

class Reader {
 public:
  explicit Reader(StatementContext& context) : context_(context) {}

  QueryReads Read(Node query) {
    open_.push_back({"", query, NewScope(kOutermost)});
    while (!open_.empty()) {
      const Open next = open_.back();
      open_.pop_back();
      Visit(next);
    }
    // Columns come last: FROM stands behind the select list.
    for (const auto& [fields, scope] : references_) Resolve(fields, scope);
    return std::move(reads_);
  }

 private:
  struct Open {
    absl::string_view name;
    Node node;
    int scope;
  };

  int NewScope(int parent) {
    scopes_.push_back({.parent = parent});
    return static_cast<int>(scopes_.size()) - 1;
  }

  void Visit(const Open& next) {
    if (!next.node.present()) return;
    // The two sides of a UNION are bodies without a type around them.
    const bool side = (next.name == "larg" || next.name == "rarg") && next.node["op"].present();
    if (side || next.name == "SelectStmt") return VisitQuery(next);
    if (next.name == "InsertStmt" || next.name == "UpdateStmt" || next.name == "DeleteStmt" ||
        next.name == "MergeStmt") {
      return VisitQuery(next);
    }
    if (next.name == "RangeVar") return AddSource(next.node, next.scope, LockMode::kAccessShare);
    if (next.name == "ColumnRef") {
      references_.emplace_back(FieldsOf(next.node), next.scope);
      return;
    }
    if (next.name == "JoinExpr") AddJoinColumns(next);
    Descend(next);
  }

  void Descend(const Open& next) {
    const size_t before = open_.size();
    next.node.ForEachField([&](absl::string_view key, Node value) {
      open_.push_back({key, value, next.scope});
    });
    if (open_.size() > before) return;
    for (const Node item : next.node.Items()) open_.push_back({next.name, item, next.scope});
  }

  // A statement with a FROM of its own, and perhaps a WITH before it.
  void VisitQuery(const Open& next) {
    const int scope = NewScope(next.scope);
    const Node with = next.node["withClause"];
    for (const Node item : with["ctes"].Items()) {
      const Node query = item.As("CommonTableExpr");
      // Without RECURSIVE a query sees those before it only.
      int seen_by = scope;
      if (!with["recursive"].flag()) {
        seen_by = NewScope(next.scope);
        scopes_[static_cast<size_t>(seen_by)].with = scopes_[static_cast<size_t>(scope)].with;
      }
      open_.push_back({"ctequery", query["ctequery"], seen_by});
      scopes_[static_cast<size_t>(scope)].with.emplace(query["ctename"].text());
    }
    if (const Node target = next.node["relation"]) {
      AddSource(target, scope, LockMode::kRowExclusive);
    }
    if (next.node["lockingClause"]) locks_rows_.insert(scope);
    next.node.ForEachField([&](absl::string_view key, Node value) {
      // What FOR UPDATE OF names are aliases.
      if (key == "withClause" || key == "relation" || key == "lockingClause") return;
      open_.push_back({key, value, scope});
    });
  }

  bool IsWithQuery(const Name& name, int scope) const {
    if (!name.schema.empty()) return false;
    for (; scope != kOutermost; scope = scopes_[static_cast<size_t>(scope)].parent) {
      if (scopes_[static_cast<size_t>(scope)].with.contains(name.name)) return true;
    }
    return false;
  }

  void AddSource(Node range, int scope, LockMode mode) {
    const Name written = model::NameOf(range);
    Source source{.alias = range["alias"] ? std::string(range["alias"]["aliasname"].text())
                                          : written.name};
    if (!IsWithQuery(written, scope)) {
      if (context_.Find(written) == nullptr && IsSystem(written)) return;
      const Relation& relation = context_.Resolve(written);
      source.relation = &relation;
      reads_.columns[relation.name];
      if (locks_rows_.contains(scope)) mode = std::max(mode, LockMode::kRowShare);
      LockMode& lock = reads_.locks[relation.name];
      lock = std::max(lock, mode);
    }
    scopes_[static_cast<size_t>(scope)].sources.push_back(std::move(source));
  }

  // "*" stands for a star.
  static std::vector<std::string> FieldsOf(Node reference) {
    std::vector<std::string> fields;
    for (const Node field : reference["fields"].Items()) {
      fields.emplace_back(field.type() == "A_Star" ? "*" : field.text());
    }
    return fields;
  }

  void AddJoinColumns(const Open& join) {
    for (const Node column : join.node["usingClause"].Items()) {
      references_.push_back({{std::string(column.text())}, join.scope});
    }
    // Which ones a natural join compares depends on all that both sides have.
    if (join.node["isNatural"].flag()) references_.push_back({{"*"}, join.scope});
  }

  void AddAll(const Relation& relation) {
    std::set<std::string>& columns = reads_.columns[relation.name];
    if (!relation.complete) columns.insert("");
    for (const model::Column& column : relation.columns) columns.insert(column.name);
  }

  void Resolve(const std::vector<std::string>& fields, int scope) {
    if (fields.empty()) return;
    if (fields.size() == 1) return ResolveColumn(fields.front(), scope);
    const std::string& alias = fields[fields.size() - 2];
    for (; scope != kOutermost; scope = scopes_[static_cast<size_t>(scope)].parent) {
      for (const Source& source : scopes_[static_cast<size_t>(scope)].sources) {
        if (source.alias != alias) continue;
        if (source.relation == nullptr) return;
        if (fields.back() == "*") return AddAll(*source.relation);
        reads_.columns[source.relation->name].insert(fields.back());
        return;
      }
    }
  }

  void ResolveColumn(const std::string& column, int scope) {
    if (column == "*") {
      for (const Source& source : scopes_[static_cast<size_t>(scope)].sources) {
        if (source.relation != nullptr) AddAll(*source.relation);
      }
      return;
    }
    for (; scope != kOutermost; scope = scopes_[static_cast<size_t>(scope)].parent) {
      bool found = false;
      for (const Source& source : scopes_[static_cast<size_t>(scope)].sources) {
        if (source.relation == nullptr) continue;
        const bool has = source.relation->FindColumn(column) != nullptr;
        // The name of a relation is its row.
        const bool row = !has && source.alias == column;
        if (has || row || !source.relation->complete) {
          reads_.columns[source.relation->name].insert(row ? "" : column);
          found |= source.relation->complete;
        }
      }
      if (found) return;
    }
  }

  StatementContext& context_;
  QueryReads reads_;
  std::vector<Scope> scopes_;
  std::set<int> locks_rows_;
  std::vector<Open> open_;
  std::vector<std::pair<std::vector<std::string>, int>> references_;
};

}  // namespace

QueryReads ReadsOf(Node query, StatementContext& context) { return Reader(context).Read(query); }

void ClaimReads(const QueryReads& reads, StatementContext& context) {
  for (const auto& [name, mode] : reads.locks) context.Lock(context.Resolve(name), mode);
  for (const auto& [name, columns] : reads.columns) {
    const Relation& relation = context.Resolve(name);
    context.Touches(relation, "", Effect::kNone);
    for (const std::string& column : columns) context.Touches(relation, column, Effect::kRead);
  }
}

}  // namespace lockstep::sql
