// What exists in a database: the catalog as plain values, read from a live server (engine/schema)
// or built up by analysing a chain from its first file. The analysis applies each statement to it,
// so that the next one is judged against what it will meet.
//
// Names are as the catalog stores them: case folded, without quotes. Not thread-safe; a copy is
// independent of its original.
#ifndef LOCKSTEP_ENGINE_SQL_MODEL_DATABASE_H_
#define LOCKSTEP_ENGINE_SQL_MODEL_DATABASE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"

#include "engine/sql/model/type.h"
#include "engine/sql/tree.h"

namespace lockstep::sql::model {

// A schema-qualified name. An empty schema means that it was written without one and that nothing
// of that name is known.
struct Name {
  std::string schema;
  std::string name;

  auto operator<=>(const Name&) const = default;
  template <typename H>
  friend H AbslHashValue(H hash, const Name& n) {
    return H::combine(std::move(hash), n.schema, n.name);
  }
  // "app.users"; "users" in public or without a schema.
  std::string text() const;
};

// The names of a RangeVar, a list of String nodes, or a TypeName; without search_path.
Name NameOf(Node node);

enum class Volatility { kImmutable, kStable, kVolatile };
enum class Generated { kNo, kStored, kVirtual };
enum class Identity { kNo, kAlways, kByDefault };

struct Column {
  std::string name;
  Type type;
  bool not_null = false;
  bool has_default = false;  // Also for identity and generated columns.
  Generated generated = Generated::kNo;
  Identity identity = Identity::kNo;
  // Columns of the same table that its generation expression reads.
  std::vector<std::string> reads;
};

enum class ConstraintKind { kCheck, kForeignKey, kPrimaryKey, kUnique, kExclusion, kNotNull };

struct Constraint {
  std::string name;
  ConstraintKind kind = ConstraintKind::kCheck;
  // Key columns; for a CHECK all columns that it reads; in order.
  std::vector<std::string> columns;
  bool valid = true;     // False: NOT VALID.
  bool enforced = true;  // False: NOT ENFORCED (18).
  // A CHECK: the columns that cannot be NULL while it is true (`c IS NOT NULL AND ...`).
  std::vector<std::string> proves_not_null;
  // A CHECK's expression as SQL text; "" when not known.
  std::string expression;
  // A foreign key's other side.
  Name references;
  std::vector<std::string> referenced_columns;
  // The index behind a primary key, UNIQUE or EXCLUDE.
  std::string index;
};

struct Index {
  std::string name;                  // In the schema of its table.
  std::vector<std::string> columns;  // Key columns in order; "" stands for an expression.
  std::set<std::string> reads;       // All columns: keys, INCLUDE, expressions, predicate.
  bool unique = false;
  bool primary = false;
  bool valid = true;
  bool partial = false;
  bool has_expressions = false;
  bool deferrable = false;
  std::string constraint;  // That it belongs to; "" for none.
  std::string method;      // "btree", "gin", ...
};

struct Trigger {
  std::string name;
  std::set<std::string> columns;  // Named by UPDATE OF and WHEN.
  Name function;                  // That it runs; no name when it is not known.
  bool enabled = true;
};

struct Policy {
  std::string name;
  std::set<std::string> columns;
  bool permissive = true;
};

enum class RelationKind {
  kTable,
  kPartitionedTable,
  kView,
  kMaterializedView,
  kSequence,
  kForeignTable,
  kCompositeType,
};

struct Relation {
  Name name;
  RelationKind kind = RelationKind::kTable;
  // Created by a statement that was analysed: nothing that runs can depend on it, so its locks,
  // scans and rewrites hurt nobody. Everything else is live, even when it is empty.
  bool is_new = false;
  // False when only its name is known (it was met offline, or made by SQL that cannot be read).
  bool complete = true;
  // Everything that exists is known, and this is not among it: a statement about it fails.
  bool missing = false;
  bool temporary = false;
  bool unlogged = false;
  std::vector<Column> columns;
  std::vector<Constraint> constraints;
  std::vector<Index> indexes;
  std::vector<Trigger> triggers;
  std::vector<Policy> policies;
  std::set<std::string> rules;
  bool row_security = false;
  bool force_row_security = false;
  std::string owner;

  // Inheritance and partitioning, both directions, direct ones only.
  std::vector<Name> parents;
  std::vector<Name> children;
  std::vector<std::string> partition_key;  // Of a partitioned table; "" for an expression.
  std::optional<Name> default_partition;   // Of a partitioned table.
  bool is_partition = false;
  Name of_type;  // CREATE TABLE ... OF type.

  // A view's or materialized view's sources: which columns of which relations it reads. The column
  // "" stands for the relation as a whole.
  std::map<Name, std::set<std::string>> view_reads;
  // A sequence that belongs to a column.
  std::optional<std::pair<Name, std::string>> owned_by;

  std::string access_method;  // "" for the default.
  std::string tablespace;     // "" for the default.

  // Size as of the last ANALYZE; -1 when not known.
  int64_t rows = -1;
  int64_t bytes = -1;

  const Column* FindColumn(absl::string_view column) const;
  Column* FindColumn(absl::string_view column);
  const Constraint* FindConstraint(absl::string_view constraint) const;
  Constraint* FindConstraint(absl::string_view constraint);
  const Index* FindIndex(absl::string_view index) const;
  Index* FindIndex(absl::string_view index);
  bool IsTable() const {
    return kind == RelationKind::kTable || kind == RelationKind::kPartitionedTable;
  }
};

enum class TypeKind { kBase, kDomain, kEnum, kComposite, kRange };

struct TypeDefinition {
  Name name;
  TypeKind kind = TypeKind::kBase;
  bool is_new = false;
  std::vector<std::string> labels;  // Of an enum, in order.
  Type base;                        // Of a domain.
  bool not_null = false;            // Of a domain.
  struct DomainConstraint {
    std::string name;
    bool valid = true;
  };
  std::vector<DomainConstraint> constraints;  // Of a domain.

  DomainConstraint* FindConstraint(absl::string_view constraint);
  const DomainConstraint* FindConstraint(absl::string_view constraint) const;
};

struct Function {
  Name name;
  char kind = 'f';  // pg_proc.prokind: f function, p procedure, a aggregate, w window.
  bool is_new = false;
  std::vector<Type> arguments;  // Input arguments.
  std::vector<std::string> argument_names;
  int defaults = 0;  // How many of the last arguments have one.
  bool variadic = false;
  Type result;  // Unknown type for a table function with OUT columns.
  // Its OUT and TABLE columns, when there are several; empty when they are not known.
  std::vector<std::pair<std::string, Type>> outputs;
  bool returns_set = false;
  Volatility volatility = Volatility::kVolatile;
  std::string language;
  std::string body;  // "" when it is not known or not text.
};

struct Publication {
  bool all_tables = false;
  std::set<Name> tables;
  bool is_new = false;
};

class Database {
 public:
  // True when everything that exists is in here: what is not found does not exist. False offline:
  // what is not found may exist.
  bool complete = false;
  // server_version_num, e.g. 150018.
  int server_version = 150000;
  // search_path of migrations, without "$user" and pg_temp.
  std::vector<std::string> search_path = {"public"};
  // Session settings that change what a statement does; keys in lower case: "timezone".
  std::map<std::string, std::string> settings;

  absl::node_hash_map<Name, Relation> relations;
  absl::node_hash_map<Name, TypeDefinition> types;
  absl::node_hash_map<Name, std::vector<Function>> functions;
  std::set<std::string> schemas = {"public"};
  std::set<std::string> new_schemas;
  std::set<std::string> extensions;
  std::map<std::string, Publication> publications;
  // Extended statistics, and the tables that they are of.
  std::map<Name, Name> statistics;
  // Subscriptions that are known to have no replication slot (slot_name = NONE).
  std::set<std::string> subscriptions_without_slot;

  int major_version() const { return server_version / 10000; }

  // What a name means: as written when it is qualified, otherwise the first schema of search_path
  // that has it. nullptr when there is none.
  Relation* FindRelation(const Name& written);
  const Relation* FindRelation(const Name& written) const;
  // An index, wherever its table is. The table comes first.
  std::pair<Relation*, Index*> FindIndex(const Name& written);
  TypeDefinition* FindType(const Name& written);
  const TypeDefinition* FindType(const Name& written) const;
  std::vector<Function>* FindFunctions(const Name& written);
  // The full name of extended statistics that are known.
  std::optional<Name> FindStatistics(const Name& written) const;

  // Where an object that is created under `written` goes: its schema, or the first one of
  // search_path.
  Name NameForNew(const Name& written) const;

  Relation& Add(Relation relation);
  // Whoever gives a relation of this database an index, a foreign key or a column that owns it, or
  // another name to one of these, says so: FindIndex, ReferencesTo and SequencesOf look only for
  // what was noted. Add and Rename do it themselves.
  void Note(const Relation& relation);
  // Removes it, and its name from its parents and children.
  void Remove(const Name& name);
  // Gives it another name, everywhere it is named.
  void Rename(const Name& from, const Name& to);

  // Whether a column of this type carries checks that every row must be tested against: a domain,
  // or a domain over one, with CHECK or NOT NULL. Absent when the type is not known.
  std::optional<bool> HasConstrainedDomain(const Type& type) const;

  // All relations below `root` (partitions, children of inheritance), without itself.
  std::vector<Relation*> Descendants(const Relation& root);
  // Relations with a foreign key to `target`, each with the constraint; itself included.
  std::vector<std::pair<Relation*, Constraint*>> ReferencesTo(const Name& target);
  // Sequences that belong to columns of `table`.
  std::vector<Relation*> SequencesOf(const Name& table);
  // Views that read `target`, or its `column` unless that is "".
  std::vector<Relation*> ViewsOf(const Name& target, absl::string_view column = "");

 private:
  using Names = std::set<Name>;

  // The relations of `names`, in order, for which `wanted` holds.
  template <typename Wanted>
  std::vector<Relation*> Among(const Names* names, Wanted wanted);

  // At least the relations that have an index of a name, a foreign key to a table, or an owner, so
  // that these need not be searched among thousands. Nothing is ever taken out: whoever looks makes
  // sure.
  absl::flat_hash_map<std::string, Names> by_index_;
  absl::flat_hash_map<Name, Names> by_target_;
  absl::flat_hash_map<Name, Names> by_owner_;
};

}  // namespace lockstep::sql::model

#endif  // LOCKSTEP_ENGINE_SQL_MODEL_DATABASE_H_
