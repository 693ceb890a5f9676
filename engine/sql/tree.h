// PostgreSQL's own parse tree of one statement, as libpg_query 15 gives it: names of nodes and
// fields are PostgreSQL's. A field whose value is zero, false or empty is absent from the tree, so
// everything here treats "absent" and "zero" alike: reading what is not there gives an absent node,
// "", 0 or false, and never fails. Enum values are their names ("AT_AddColumn"), never numbers,
// which change between versions.
//
//   ASSIGN_OR_RETURN(const Tree tree, Tree::Parse("ALTER TABLE t ADD COLUMN c int"));
//   const Node alter = tree.statement().As("AlterTableStmt");
//   for (const Node item : alter["cmds"].Items()) {
//     if (item.As("AlterTableCmd")["subtype"].text() == "AT_AddColumn") ...
//   }
#ifndef LOCKSTEP_ENGINE_SQL_TREE_H_
#define LOCKSTEP_ENGINE_SQL_TREE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::sql {

// A place in a Tree: cheap to copy, valid while its Tree lives.
class Node {
 public:
  Node() = default;  // Absent.

  bool present() const { return present_; }
  explicit operator bool() const { return present_; }

  // The field `key` of an object.
  Node operator[](absl::string_view key) const;
  // The elements of an array, in order; those of a List node ({"List": {"items": [...]}}) too.
  std::vector<Node> Items() const;
  // Element `index` of them.
  Node At(size_t index) const;
  // How many there are.
  size_t size() const;

  // "RangeVar" of {"RangeVar": {...}}: the type of a node; "" when it is no such object.
  absl::string_view type() const;
  // What stands in there.
  Node body() const;
  // The body when type() is `type`, otherwise absent.
  Node As(absl::string_view type) const;

  // The value of a string or enum; the "sval" of a String or A_Const node too.
  absl::string_view text() const;
  // The value of a number; the "ival" of an Integer or A_Const node too.
  int64_t number() const;
  bool flag() const;

  // The fields of an object in order.
  void ForEachField(absl::FunctionRef<void(absl::string_view key, Node value)> visit) const;

 private:
  friend class Tree;
  std::array<uint64_t, 2> element_ = {};
  bool present_ = false;
};

// Visits `root` and everything below it, parents first, with the name of the field that holds it
// (for an element of an array the array's name; for a typed node its type, e.g. "FuncCall").
// Nothing below a node is visited when `visit` returns false for it. Does not recurse: trees may be
// tens of thousands of levels deep.
void Walk(Node root, absl::FunctionRef<bool(absl::string_view name, Node node)> visit);

struct ParseError {
  std::string message;  // As PostgreSQL words it.
  size_t offset = 0;    // In bytes from the start of the statement.
};

// Statements with more tokens than this are not parsed: libpg_query recurses over the tree, and a
// tree of some 40,000 levels (`1+1+1+...`) overflows an 8 MiB stack.
inline constexpr size_t kMaxTokensToParse = 20'000;

// Owns the tree of one statement, or of a text of several. Movable; safe to read from any thread.
class Tree {
 public:
  Tree();  // Of nothing: !ok().

  // Parses `statement`, which must hold exactly one. On failure returns an empty tree, and says why
  // in `error` (which may be null). Safe to call from any thread.
  static Tree Parse(absl::string_view statement, ParseError* error = nullptr);

  // Parses a text of any number of statements at once, which costs a third of parsing them one by
  // one. Places in the tree are those in the text. Fails when one statement cannot be parsed, and
  // for a text of more than kMaxTokensToParse tokens.
  static Tree ParseText(absl::string_view text, ParseError* error = nullptr);

  // Parses a PL/pgSQL function or DO block given as CREATE FUNCTION or DO statement, and returns
  // libpg_query's array of functions in root().
  static Tree ParsePlpgsql(absl::string_view statement, ParseError* error = nullptr);

  Tree(Tree&&) noexcept;
  Tree& operator=(Tree&&) noexcept;
  ~Tree();

  bool ok() const;
  Node root() const;
  // The node of the one statement, e.g. of type "AlterTableStmt"; absent when !ok().
  Node statement() const;
  // Every statement in order: {"stmt": {...}, "stmt_location": ..., "stmt_len": ...}, both in
  // bytes; a length of 0 stands for the rest of the text.
  std::vector<Node> statements() const;

 private:
  static Tree ParseJson(absl::string_view text, ParseError* error);
  static Tree FromJson(absl::string_view json, ParseError* error);
  struct Document;
  std::unique_ptr<Document> document_;
};

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_TREE_H_
