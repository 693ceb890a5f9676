#include "engine/backfill/ranges.h"

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/sql/tokens.h"

namespace lockstep::backfill {
namespace {

using postgres::Param;
using postgres::Result;
using postgres::Row;
using postgres::ScriptSession;
using postgres::Value;

// Up to so many rows are counted, and walked as one range.
constexpr int64_t kFewRows = 50'000;
// Without a number of an author's: a part for so many rows, because to begin one takes time too.
constexpr int64_t kRowsPerRange = 500'000;
constexpr int kDefaultRanges = 4;
// Rows of the sample by which a big table is cut.
constexpr double kSampleRows = 20'000;

// Of a type the value before `%s`, a column's smallest one; NULL where there is none.
struct Before {
  absl::string_view type;
  absl::string_view sql;
};
constexpr std::array<Before, 10> kBefore = {
    {{"smallint", "CASE WHEN %1$s > -32768 THEN %1$s::pg_catalog.int4 - 1 END"},
     {"integer", "CASE WHEN %1$s > -2147483648 THEN %1$s::pg_catalog.int8 - 1 END"},
     {"bigint", "CASE WHEN %1$s::pg_catalog.numeric > -9223372036854775808 THEN %1$s - 1 END"},
     {"numeric", "%1$s - 1"},
     {"uuid", "nullif('00000000-0000-0000-0000-000000000000'::pg_catalog.uuid, %1$s)"},
     {"text", "nullif('', %1$s)"},
     {"character varying", "nullif('', %1$s)"},
     {"date", "%1$s - 1"},
     {"timestamp without time zone", "%1$s - interval '1 second'"},
     {"timestamp with time zone", "%1$s - interval '1 second'"}}};

absl::Status BadTable(absl::string_view message, absl::string_view hint = "") {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "BACKFILL_TABLE", message, {},
                         std::string(hint));
}

// walked.tenant, walked.id: with the alias, because a plain name in ORDER BY would be the result's
// column, which is text.
std::string Names(const Walk& walk, absl::string_view suffix = "") {
  return absl::StrJoin(walk.keys, ", ", [&](std::string* out, const KeyColumn& key) {
    absl::StrAppend(out, "walked.", key.name, suffix);
  });
}

// ROW($1::bigint, $2::uuid), from `first` on.
std::string RowOfParams(const Walk& walk, size_t first) {
  std::vector<std::string> parts;
  for (const KeyColumn& key : walk.keys) {
    parts.push_back(absl::StrCat("$", first++, "::", key.type));
  }
  return absl::StrCat("ROW(", absl::StrJoin(parts, ", "), ")");
}

// FROM t AS walked WHERE its key is above the first key of Params, and not above the second.
std::string RowsBetween(const Walk& walk) {
  const std::string row = absl::StrCat("ROW(", Names(walk), ")");
  return absl::StrCat(" FROM ", walk.table, " AS walked WHERE ", row, " > ", RowOfParams(walk, 1),
                      " AND ", row, " <= ", RowOfParams(walk, walk.keys.size() + 1));
}

std::vector<Value> Params(const Key& low, const Key& high) {
  std::vector<Value> params;
  for (const Key* key : {&low, &high}) {
    for (const std::string& value : *key) params.push_back(Param(value));
  }
  return params;
}

Key KeyOf(const Row& row, size_t count) {
  Key key;
  for (size_t i = 0; i < count; ++i) key.push_back(row.Text(static_cast<int>(i)));
  return key;
}

absl::Status AddColumn(ScriptSession& session, const std::string& column, Walk* walk) {
  // parse_ident folds case and takes quotes off, as PostgreSQL does.
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute("SELECT pg_catalog.quote_ident(attname), pg_catalog.format_type(atttypid, "
                      "NULL), atttypid, attcollation, attnotnull FROM pg_catalog.pg_attribute"
                      " WHERE attrelid = $1::pg_catalog.oid AND NOT attisdropped AND attnum > 0"
                      " AND attname = (pg_catalog.parse_ident($2))[1]",
                      {Param(walk->relation), Param(column)}));
  if (result.empty()) return BadTable(absl::StrCat(walk->table, " has no column ", column));
  const Row& row = result.rows[0];
  const bool walked = std::any_of(kBefore.begin(), kBefore.end(),
                                  [&](const Before& b) { return b.type == row.Text(1); });
  if (!walked) {
    return BadTable(absl::StrCat("keys of type ", row.Text(1), " (", column, ") are not walked"),
                    "use a key of integers, uuid, text, date or timestamps");
  }
  if (!row.Bool(4)) {
    return BadTable(absl::StrCat("key column ", column,
                                 " may be NULL, and such rows would be "
                                 "left out"),
                    "use the primary key");
  }
  walk->keys.push_back({.name = row.Text(0),
                        .type = row.Text(1),
                        .type_oid = row.Text(2),
                        .collation_oid = row.Text(3)});
  return absl::OkStatus();
}

absl::Status CheckIndex(ScriptSession& session, const Walk& walk) {
  std::vector<std::string> names;
  for (const KeyColumn& key : walk.keys) names.push_back(key.name);
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = "
          "i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE i.indrelid = "
          "$1::pg_catalog.oid AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree' AND "
          "ARRAY(SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.unnest(i.indkey::"
          "pg_catalog.int2[]) WITH ORDINALITY k(attnum, n) JOIN pg_catalog.pg_attribute a ON "
          "a.attrelid = i.indrelid AND a.attnum = k.attnum WHERE k.n <= pg_catalog.cardinality($2::"
          "pg_catalog.text[]) ORDER BY k.n) = $2::pg_catalog.text[])",
          {Param(walk.relation), postgres::TextArrayParam(names)}));
  if (result.only().Bool(0)) return absl::OkStatus();
  return BadTable(
      absl::StrCat("no index of ", walk.table, " begins with ", absl::StrJoin(names, ", ")),
      "each batch would read the whole table: create one, or walk by the primary key");
}

// The key before the smallest one: the last column's smallest value, less one.
absl::StatusOr<Key> LowEnd(ScriptSession& session, const Walk& walk) {
  std::vector<std::string> columns;
  for (const KeyColumn& key : walk.keys) columns.push_back(absl::StrCat("walked.", key.name));
  const auto before = std::find_if(kBefore.begin(), kBefore.end(), [&](const Before& b) {
    return b.type == walk.keys.back().type;
  });
  const std::string last = absl::StrCat("(", columns.back(), ")");
  std::string less(before->sql);
  for (size_t at = less.find("%1$s"); at != std::string::npos; at = less.find("%1$s")) {
    less.replace(at, 4, last);
  }
  for (std::string& column : columns) absl::StrAppend(&column, "::pg_catalog.text");
  columns.back() = absl::StrCat("(", less, ")::pg_catalog.text");
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute(absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM ", walk.table,
                                   " AS walked ORDER BY ", Names(walk), " LIMIT 1")));
  if (result.empty()) return Key{};
  if (result.rows[0].IsNull(static_cast<int>(walk.keys.size()) - 1)) {
    return BadTable(absl::StrCat("the smallest key of ", walk.table,
                                 " is the smallest of its type, so no range begins before it"),
                    "give that row another key");
  }
  return KeyOf(result.rows[0], walk.keys.size());
}

absl::StatusOr<Key> HighEnd(ScriptSession& session, const Walk& walk) {
  ASSIGN_OR_RETURN(const Result result,
                   session.Execute(absl::StrCat("SELECT ", Names(walk, "::pg_catalog.text"),
                                                " FROM ", walk.table, " AS walked ORDER BY ",
                                                Names(walk, " DESC"), " LIMIT 1")));
  return result.empty() ? Key{} : KeyOf(result.rows[0], walk.keys.size());
}

absl::StatusOr<int64_t> CountRows(ScriptSession& session, const Walk& walk) {
  ASSIGN_OR_RETURN(const Result few,
                   session.Execute(absl::StrCat("SELECT count(*) FROM (SELECT FROM ", walk.table,
                                                " LIMIT ", kFewRows + 1, ") t")));
  const int64_t counted = few.only().Long(0);
  if (counted <= kFewRows) return counted;
  ASSIGN_OR_RETURN(
      const Result known,
      session.Execute(
          "SELECT coalesce(sum(c.reltuples), 0)::pg_catalog.int8 FROM (SELECT $1::pg_catalog.oid "
          "UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass)) t(oid) "
          "JOIN pg_catalog.pg_class c USING (oid) WHERE c.reltuples > 0 AND c.relkind <> 'p'",
          {Param(walk.relation)}));
  return std::max(counted, known.only().Long(0));
}

}  // namespace

absl::StatusOr<Walk> ResolveWalk(ScriptSession& session, const chain::Backfill& job) {
  ASSIGN_OR_RETURN(
      const Result found,
      session.Execute("SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname)"
                      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                      " ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1)"
                      " AND c.relkind IN ('r', 'p')",
                      {Param(job.table)}));
  if (found.empty()) return BadTable(absl::StrCat("there is no table ", job.table));
  Walk walk{.relation = found.rows[0].Text(0), .table = found.rows[0].Text(1)};
  for (const std::string& column : job.keys) {
    RETURN_IF_ERROR(AddColumn(session, column, &walk));
  }
  RETURN_IF_ERROR(CheckIndex(session, walk));
  return walk;
}

absl::StatusOr<RangePlan> PlanRanges(ScriptSession& session, const Walk& walk,
                                     std::optional<int> wanted) {
  RangePlan plan;
  ASSIGN_OR_RETURN(plan.total, CountRows(session, walk));
  if (plan.total == 0) return plan;
  ASSIGN_OR_RETURN(const Key low, LowEnd(session, walk));
  ASSIGN_OR_RETURN(const Key high, HighEnd(session, walk));
  if (low.empty() || high.empty()) return plan;  // Emptied just now.
  const int most = wanted.value_or(
      static_cast<int>(std::clamp<int64_t>(plan.total / kRowsPerRange, 1, kDefaultRanges)));
  std::vector<Key> bounds;
  if (plan.total > kFewRows && most > 1) {
    const double percent = std::min(100.0, 100 * kSampleRows / static_cast<double>(plan.total));
    ASSIGN_OR_RETURN(
        const Result cut,
        session.Execute(
            absl::StrCat("SELECT DISTINCT ON (part) ", Names(walk, "::pg_catalog.text"), ", ROW(",
                         Names(walk), ") < ROW(",
                         absl::StrJoin(walk.keys, ", ",
                                       [i = 0](std::string* out, const KeyColumn& key) mutable {
                                         absl::StrAppend(out, "$", ++i, "::", key.type);
                                       }),
                         ") FROM (SELECT ", Names(walk), ", pg_catalog.ntile(", most,
                         ") OVER (ORDER BY ", Names(walk), ") AS part FROM ", walk.table,
                         " AS walked TABLESAMPLE SYSTEM (", percent, ")) walked ORDER BY part, ",
                         Names(walk, " DESC")),
            Params(high, {})));
    for (const Row& row : cut.rows) {
      if (row.Bool(static_cast<int>(walk.keys.size()))) {
        bounds.push_back(KeyOf(row, walk.keys.size()));
      }
    }
    // Up to the end goes the last.
    if (bounds.size() >= static_cast<size_t>(most)) bounds.pop_back();
  }
  bounds.push_back(high);
  Key from = low;
  for (const Key& bound : bounds) {
    if (bound == from) continue;
    plan.ranges.push_back({.low = from, .high = bound});
    from = bound;
  }
  return plan;
}

postgres::Command FindNextBatch(const Walk& walk, const Key& low, const Key& high, int rows) {
  return {.sql = absl::StrCat("SELECT ", Names(walk, "::pg_catalog.text"), RowsBetween(walk),
                              " ORDER BY ", Names(walk), " OFFSET ", rows - 1, " LIMIT 1"),
          .params = Params(low, high)};
}

absl::StatusOr<NextBatch> ReadNextBatch(ScriptSession& session, const Walk& walk, const Key& low,
                                        const Key& high, int rows, const Result& found) {
  if (!found.empty()) {
    NextBatch next{.high = KeyOf(found.rows[0], walk.keys.size()), .rows = rows};
    next.last = next.high == high;
    return next;
  }
  ASSIGN_OR_RETURN(const Result left,
                   session.Execute(absl::StrCat("SELECT pg_catalog.count(*)", RowsBetween(walk)),
                                   Params(low, high)));
  return NextBatch{.high = high, .rows = left.only().Long(0), .last = true};
}

int CountParameters(const std::string& statement) {
  int most = 0;
  for (const sql::Token& token : sql::Tokenize(statement)) {
    if (token.kind != sql::TokenKind::kParameter) continue;
    int number = 0;
    if (absl::SimpleAtoi(sql::TextOf(statement, token).substr(1), &number)) {
      most = std::max(most, number);
    }
  }
  return most;
}

}  // namespace lockstep::backfill
