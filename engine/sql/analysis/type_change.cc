#include "engine/sql/analysis/type_change.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace lockstep::sql {
namespace {

using model::Database;
using model::Type;

constexpr char kCatalog[] = "pg_catalog";
constexpr int kMaxDomains = 32;            // A domain over a domain over ...
constexpr int64_t kFullInterval = 0x7FFF;  // The mask of an interval of all fields.
constexpr int64_t kMaxTimePrecision = 6;

// Casts that only put another label on a value, between types of pg_catalog (and citext).
struct Relabel {
  absl::string_view from;
  absl::string_view to;
  bool same_order;  // Indexes are kept.
};
constexpr Relabel kRelabels[] = {
    {"text", "varchar", true},    {"varchar", "text", true},       {"text", "bpchar", false},
    {"varchar", "bpchar", false}, {"cidr", "inet", true},          {"bit", "varbit", false},
    {"varbit", "bit", false},     {"xml", "text", false},          {"xml", "varchar", false},
    {"xml", "bpchar", false},     {"citext", "text", false},       {"citext", "varchar", false},
    {"text", "citext", false},    {"varchar", "citext", false},    {"int4", "oid", false},
    {"oid", "int4", false},       {"pg_node_tree", "text", false},
};

// The aliases of oid, which share their bytes and order with it.
bool IsOidKind(absl::string_view name) { return name == "oid" || absl::StartsWith(name, "reg"); }

int IntegerBytes(const Type& type) {
  if (type.Is("int2")) return 2;
  if (type.Is("int4")) return 4;
  return type.Is("int8") ? 8 : 0;
}

bool IsTextKind(const Type& type) {
  return type.Is("text") || type.Is("varchar") || type.Is("bpchar");
}

bool IsFloat(const Type& type) { return type.Is("float4") || type.Is("float8"); }

// The characters that fit into it; absent for no limit. "char" without a length is not one.
std::optional<int64_t> LengthOf(const Type& type) {
  if (type.modifiers.empty()) return std::nullopt;
  return type.modifiers[0];
}

bool IsShorter(const Type& from, const Type& to) {
  const std::optional<int64_t> length = LengthOf(to);
  return length.has_value() && (!LengthOf(from).has_value() || *length < *LengthOf(from));
}

// Digits after a time's point.
int64_t PrecisionOf(const Type& type) {
  return type.modifiers.empty() ? kMaxTimePrecision
                                : std::min(type.modifiers.back(), kMaxTimePrecision);
}

bool IsTimeKind(absl::string_view name) {
  return name == "timestamp" || name == "timestamptz" || name == "time" || name == "timetz";
}

// What a change of modifiers does to the values of one type.
void CompareModifiers(const Type& from, const Type& to, TypeChange* change) {
  if (from.modifiers == to.modifiers || to.modifiers.empty()) {
    change->widens = !from.array && (IsTextKind(to) || to.Is("numeric"));
    return;
  }
  if (from.array) {
    change->rewrite = true;
    change->narrows = IsShorter(from, to);
  } else if (to.Is("varchar") || to.Is("varbit")) {
    change->narrows = change->rewrite = IsShorter(from, to);
    change->widens = !change->narrows && to.Is("varchar");
  } else if (to.Is("bpchar") || to.Is("bit")) {
    change->rewrite = true;
    change->narrows = IsShorter(from, to) || to.Is("bit");
  } else if (to.Is("numeric")) {
    if (from.modifiers.size() < 2) {
      change->narrows = change->rewrite = true;
      return;
    }
    const int64_t whole = from.modifiers[0] - from.modifiers[1];
    change->narrows =
        to.modifiers[0] - to.modifiers[1] < whole || to.modifiers[1] < from.modifiers[1];
    change->rewrite = to.modifiers[1] != from.modifiers[1] || to.modifiers[0] < from.modifiers[0];
    change->widens = !change->rewrite;
  } else if (IsTimeKind(to.name)) {
    change->narrows = change->rewrite = PrecisionOf(to) < PrecisionOf(from);
  } else if (to.Is("interval")) {
    const int64_t mask = from.modifiers.empty() ? kFullInterval : from.modifiers[0];
    const bool loses_fields = to.modifiers[0] != kFullInterval && to.modifiers[0] != mask;
    const bool loses_digits = to.modifiers.size() > 1 && to.modifiers[1] < kMaxTimePrecision &&
                              (from.modifiers.size() < 2 || to.modifiers[1] < from.modifiers[1]);
    change->narrows = change->rewrite = loses_fields || loses_digits;
  } else {
    change->rewrite = true;  // An extension's type: geometry(Point, 4326).
  }
}

// Between numbers: whether some value does not fit.
bool NumberNarrows(const Type& from, const Type& to) {
  const int from_bytes = IntegerBytes(from);
  const int to_bytes = IntegerBytes(to);
  if (from_bytes > 0 && to_bytes > 0) return to_bytes < from_bytes;
  if (to_bytes > 0) return from.Is("numeric") || IsFloat(from);
  if (from.Is("float8") && to.Is("float4")) return true;
  if (to.Is("numeric")) return !to.modifiers.empty() && (from_bytes > 0 || IsFloat(from));
  return false;
}

// What happens between two different types of which one is not the other with other modifiers.
void CompareKinds(const Type& from, const Type& to, const Database& db, TypeChange* change) {
  if (from.array || to.array) {
    change->rewrite = true;  // Each element is cast, even when that only relabels it.
    return;
  }
  const auto relabel =
      std::find_if(std::begin(kRelabels), std::end(kRelabels),
                   [&](const Relabel& row) { return row.from == from.name && row.to == to.name; });
  const bool catalogs = (from.schema == kCatalog || from.name == "citext") &&
                        (to.schema == kCatalog || to.name == "citext");
  if (catalogs && relabel != std::end(kRelabels)) {
    change->index_rebuild = !relabel->same_order;
    const bool text = IsTextKind(from) && IsTextKind(to);
    change->narrows = IsShorter(from, to) && text;
    // A length is tried on every value, unless both are of one kind of string.
    const bool fits =
        to.modifiers.empty() || (to.Is("varchar") && from.Is("varchar") && !IsShorter(from, to));
    change->rewrite = !fits;
    change->widens = fits && text && relabel->same_order;
    return;
  }
  if (catalogs && IsOidKind(from.name) && IsOidKind(to.name)) return;
  if ((from.Is("timestamp") && to.Is("timestamptz")) ||
      (from.Is("timestamptz") && to.Is("timestamp"))) {
    change->index_rebuild = true;
    change->narrows = PrecisionOf(to) < PrecisionOf(from);
    // The precision of the result is not known to the planner: any but the highest is tried.
    change->rewrite = !TimeZoneIsUtc(db) || PrecisionOf(to) < kMaxTimePrecision;
    return;
  }
  change->rewrite = true;
  change->narrows =
      NumberNarrows(from, to) || (IsTextKind(from) && IsTextKind(to) && IsShorter(from, to));
  if ((from.Is("timestamp") || from.Is("timestamptz")) && (to.Is("date") || to.Is("time"))) {
    change->narrows = true;
  }
}

// The type under the domains; absent when the catalog does not say.
std::optional<Type> BaseOf(const Type& type, const Database& db) {
  Type current = type;
  for (int i = 0; i < kMaxDomains; ++i) {
    if (current.schema == kCatalog) return current;
    const model::TypeDefinition* definition = db.FindType({current.schema, current.name});
    if (definition == nullptr) {
      // An extension's type. Types of a complete catalog that are no domains need no definition.
      if (!db.complete && current.name != "citext") return std::nullopt;
      return current;
    }
    if (definition->kind != model::TypeKind::kDomain || current.array) return current;
    current = definition->base;
  }
  return std::nullopt;
}

bool SameName(const Type& a, const Type& b) {
  return a.name == b.name && a.array == b.array &&
         (a.schema == b.schema || a.schema.empty() || b.schema.empty());
}

}  // namespace

bool TimeZoneIsUtc(const Database& db) {
  constexpr std::array<absl::string_view, 14> kNames = {
      "utc",       "gmt",           "etc/utc", "etc/gmt",   "zulu",
      "etc/zulu",  "uct",           "etc/uct", "universal", "etc/universal",
      "greenwich", "etc/greenwich", "gmt0",    "etc/gmt0"};
  const auto setting = db.settings.find("timezone");
  if (setting == db.settings.end()) return false;
  const std::string name = absl::AsciiStrToLower(setting->second);
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

TypeChange CompareTypes(const Type& from, const Type& to, const Database& db) {
  TypeChange change;
  const bool collation = from.collation != to.collation;
  if (SameName(from, to) && from.modifiers == to.modifiers && from.known()) {
    change.same = !collation;
    change.index_rebuild = collation;
    // Modifiers of an extension's type are words, which are not known here.
    if (to.schema != kCatalog && !to.modifiers.empty()) change.rewrite = true;
    return change;
  }
  const std::optional<Type> from_base = BaseOf(from, db);
  const std::optional<Type> to_base = BaseOf(to, db);
  if (!from.known() || !from_base.has_value() || !to_base.has_value()) {
    change.unknown = true;
    return change;
  }
  Type source = *from_base;
  // The planner does not look into a domain for the length of its values.
  const bool from_domain = !SameName(source, from);
  const bool to_domain = !SameName(*to_base, to);
  if (from_domain) source.modifiers.clear();
  if (SameName(source, *to_base)) {
    CompareModifiers(source, *to_base, &change);
  } else {
    CompareKinds(source, *to_base, db, &change);
  }
  if (from_domain || to_domain) {
    change.widens = false;
    if (from_domain) change.narrows = false;
  }
  change.index_rebuild |= collation;
  change.widens &= !collation;
  if (to_domain && db.HasConstrainedDomain(to).value_or(true)) change.rewrite = true;
  if (change.rewrite) change.widens = false;
  return change;
}

}  // namespace lockstep::sql
