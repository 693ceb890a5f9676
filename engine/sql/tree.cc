#include "engine/sql/tree.h"

#include <algorithm>
#include <bit>
#include <pg_query.h>
#include <simdjson.h>
#include <type_traits>
#include <utility>

#include "absl/container/inlined_vector.h"

#include "engine/sql/split.h"
#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

using simdjson::dom::element;

static_assert(sizeof(element) == sizeof(std::array<uint64_t, 2>));
static_assert(std::is_trivially_copyable_v<element>);

// A statement of kMaxTokensToParse tokens can be about this deep: each operator adds an object, its
// type and an array.
constexpr size_t kMaxDepth = 4 * kMaxTokensToParse + 1024;

simdjson::dom::parser& Parser() {
  thread_local simdjson::dom::parser parser;
  thread_local const auto allocated = parser.allocate(1 << 16, kMaxDepth);
  static_cast<void>(allocated);  // A failure shows when it parses.
  return parser;
}

element ElementOf(const std::array<uint64_t, 2>& raw) { return std::bit_cast<element>(raw); }
std::array<uint64_t, 2> RawOf(const element& value) {
  return std::bit_cast<std::array<uint64_t, 2>>(value);
}

}  // namespace

// The only place that makes nodes.
struct Tree::Document {
  simdjson::dom::document json;
};

namespace {

// Node's members are private to it and to Tree; an element becomes a Node through its layout.
struct RawNode {
  std::array<uint64_t, 2> element;
  bool present;
};
static_assert(sizeof(RawNode) == sizeof(Node));

// A token has at least one byte, so that most texts need not be cut to know.
bool HasTooManyTokens(absl::string_view text) {
  return text.size() > kMaxTokensToParse && Tokenize(text).size() > kMaxTokensToParse;
}

Node NodeOf(const element& value) { return std::bit_cast<Node>(RawNode{RawOf(value), true}); }

}  // namespace

Node Node::operator[](absl::string_view key) const {
  if (!present_) return Node();
  simdjson::dom::object object;
  if (ElementOf(element_).get(object) != simdjson::SUCCESS) return Node();
  element value;
  if (object.at_key({key.data(), key.size()}).get(value) != simdjson::SUCCESS) return Node();
  return NodeOf(value);
}

std::vector<Node> Node::Items() const {
  std::vector<Node> items;
  if (!present_) return items;
  simdjson::dom::array array;
  if (ElementOf(element_).get(array) != simdjson::SUCCESS) {
    return type() == "List" ? body()["items"].Items() : items;
  }
  for (const element value : array) items.push_back(NodeOf(value));
  return items;
}

Node Node::At(size_t index) const {
  const std::vector<Node> items = Items();
  return index < items.size() ? items[index] : Node();
}

size_t Node::size() const {
  if (!present_) return 0;
  simdjson::dom::array array;
  if (ElementOf(element_).get(array) == simdjson::SUCCESS) return array.size();
  return type() == "List" ? body()["items"].size() : 0;
}

absl::string_view Node::type() const {
  if (!present_) return "";
  simdjson::dom::object object;
  if (ElementOf(element_).get(object) != simdjson::SUCCESS) return "";
  auto field = object.begin();
  if (field == object.end()) return "";
  const std::string_view key = field.key();
  // Types of nodes are in CamelCase, fields are not.
  return key.empty() || key[0] < 'A' || key[0] > 'Z' ? absl::string_view()
                                                     : absl::string_view(key.data(), key.size());
}

Node Node::body() const {
  if (!present_) return Node();
  simdjson::dom::object object;
  if (ElementOf(element_).get(object) != simdjson::SUCCESS) return Node();
  auto field = object.begin();
  return field == object.end() ? Node() : NodeOf(field.value());
}

Node Node::As(absl::string_view wanted) const { return type() == wanted ? body() : Node(); }

absl::string_view Node::text() const {
  if (!present_) return "";
  std::string_view value;
  if (ElementOf(element_).get(value) == simdjson::SUCCESS) return {value.data(), value.size()};
  if (const Node string = As("String")) return string["sval"].text();
  if (const Node constant = As("A_Const")) return constant["sval"]["sval"].text();
  return "";
}

int64_t Node::number() const {
  if (!present_) return 0;
  int64_t value = 0;
  if (ElementOf(element_).get(value) == simdjson::SUCCESS) return value;
  if (const Node integer = As("Integer")) return integer["ival"].number();
  if (const Node constant = As("A_Const")) return constant["ival"]["ival"].number();
  return 0;
}

bool Node::flag() const {
  if (!present_) return false;
  bool value = false;
  return ElementOf(element_).get(value) == simdjson::SUCCESS && value;
}

void Node::ForEachField(absl::FunctionRef<void(absl::string_view, Node)> visit) const {
  if (!present_) return;
  simdjson::dom::object object;
  if (ElementOf(element_).get(object) != simdjson::SUCCESS) return;
  for (const auto& field : object) {
    visit(absl::string_view(field.key.data(), field.key.size()), NodeOf(field.value));
  }
}

// Most statements need no more, and so no memory.
constexpr size_t kOpenInline = 48;

void Walk(Node root, absl::FunctionRef<bool(absl::string_view, Node)> visit) {
  struct Open {
    absl::string_view name;
    Node node;
  };
  absl::InlinedVector<Open, kOpenInline> open = {{"", root}};
  while (!open.empty()) {
    const Open next = open.back();
    open.pop_back();
    if (!next.node.present() || !visit(next.name, next.node)) continue;
    const size_t first = open.size();
    next.node.ForEachField([&](absl::string_view key, Node value) {
      open.push_back({key, value});
    });
    if (open.size() == first) {
      for (const Node& item : next.node.Items()) open.push_back({next.name, item});
    }
    std::reverse(open.begin() + static_cast<std::ptrdiff_t>(first), open.end());
  }
}

Tree::Tree() = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(Tree&&) noexcept = default;
Tree::~Tree() = default;

Tree Tree::FromJson(absl::string_view json, ParseError* error) {
  Tree tree;
  auto document = std::make_unique<Document>();
  const auto parsed = Parser().parse_into_document(document->json, json.data(), json.size());
  if (parsed.error() != simdjson::SUCCESS) {
    if (error != nullptr) error->message = simdjson::error_message(parsed.error());
    return tree;
  }
  tree.document_ = std::move(document);
  return tree;
}

Tree Tree::ParseJson(absl::string_view text, ParseError* error) {
  Tree tree;
  if (HasTooManyTokens(text)) {
    if (error != nullptr) *error = {.message = "the statement is too long to be parsed"};
    return tree;
  }
  if (text.find('\0') != absl::string_view::npos) {
    // A C string ends there: the parser would judge a part for the whole.
    if (error != nullptr)
      *error = {.message = "the text contains a NUL byte", .offset = text.find('\0')};
    return tree;
  }
  const PgQueryParseResult parsed = pg_query_parse(std::string(text).c_str());
  if (parsed.error != nullptr) {
    if (error != nullptr) {
      *error = {.message = parsed.error->message,
                .offset = ByteOffsetOfCharacter(text, std::max(parsed.error->cursorpos, 1))};
    }
  } else if (parsed.parse_tree != nullptr) {
    tree = FromJson(parsed.parse_tree, error);
  }
  pg_query_free_parse_result(parsed);
  return tree;
}

Tree Tree::Parse(absl::string_view statement, ParseError* error) {
  Tree tree = ParseJson(statement, error);
  if (tree.ok() && tree.root()["stmts"].size() != 1) {
    if (error != nullptr) *error = {.message = "not exactly one statement"};
    return Tree();
  }
  return tree;
}

Tree Tree::ParseText(absl::string_view text, ParseError* error) { return ParseJson(text, error); }

Tree Tree::ParsePlpgsql(absl::string_view statement, ParseError* error) {
  Tree tree;
  if (HasTooManyTokens(statement)) {
    if (error != nullptr) *error = {.message = "the body is too long to be parsed"};
    return tree;
  }
  const PgQueryPlpgsqlParseResult parsed = pg_query_parse_plpgsql(std::string(statement).c_str());
  if (parsed.error != nullptr) {
    if (error != nullptr) *error = {.message = parsed.error->message};
  } else if (parsed.plpgsql_funcs != nullptr) {
    tree = FromJson(parsed.plpgsql_funcs, error);
  }
  pg_query_free_plpgsql_parse_result(parsed);
  return tree;
}

bool Tree::ok() const { return document_ != nullptr; }

Node Tree::root() const { return ok() ? NodeOf(document_->json.root()) : Node(); }

std::vector<Node> Tree::statements() const { return root()["stmts"].Items(); }

Node Tree::statement() const { return root()["stmts"].At(0)["stmt"]; }

}  // namespace lockstep::sql
