#include "tests/chaos/migrations.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/substitute.h"

namespace lockstep::chaos {
namespace {

constexpr int kDropDistance = 12;  // A column lives at least so many versions.
constexpr size_t kColumnsUsed = 4;

// `one_at_a_time` fails where two backends run statements of migrations at once.
constexpr char kBase[] = R"(CREATE TABLE counter (version int PRIMARY KEY, n int NOT NULL);
INSERT INTO counter SELECT g, 0 FROM generate_series(1, $0) g;
CREATE TABLE wide (id int PRIMARY KEY);
INSERT INTO wide SELECT generate_series(1, 20);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL, note text);
INSERT INTO orders (customer) SELECT g % 97 FROM generate_series(1, 3000) g;
CREATE TYPE status AS ENUM ('new');
CREATE FUNCTION one_at_a_time() RETURNS trigger LANGUAGE plpgsql AS $$$$
BEGIN
  IF NOT pg_catalog.pg_try_advisory_xact_lock(4711) THEN
    RAISE EXCEPTION 'CHAOS: two backends run migrations at once';
  END IF;
  RETURN NULL;
END $$$$;
CREATE TRIGGER one_at_a_time BEFORE UPDATE ON counter
  FOR EACH STATEMENT EXECUTE FUNCTION one_at_a_time();
)";

// splitmix64: the same on every machine.
uint64_t Mixed(uint64_t seed, uint64_t n) {
  uint64_t z = seed * 0x9e3779b97f4a7c15u + n * 0xbf58476d1ce4e5b9u + 0x94d049bb133111ebu;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string CountSql(int version) {
  return absl::StrCat("UPDATE counter SET n = n + 1 WHERE version = ", version, ";\n");
}

std::string TableSql(int version) {
  return absl::StrCat("CREATE TABLE t_", version, " (id int PRIMARY KEY, note text);\n");
}

void Describe(Migration& m, uint64_t draw) {
  switch (m.kind) {
    case Kind::kBase:
      m.title = "base";
      m.sql = absl::Substitute(kBase, kMaxVersions);
      return;
    case Kind::kTable:
      m.title = "table";
      m.sql = TableSql(m.version);
      return;
    case Kind::kColumn:
      m.title = "column";
      m.sql = absl::StrCat("ALTER TABLE wide ADD COLUMN c_", m.version, " int;\n");
      return;
    case Kind::kCount:
      m.title = "count";
      m.sql = CountSql(m.version);
      return;
    case Kind::kSlow:
      m.title = "slow";
      m.sql = absl::StrCat("-- lockstep:phase data\n", CountSql(m.version), "SELECT pg_sleep(0.",
                           2 + draw % 8, ");\n");
      return;
    case Kind::kStatus:
      m.title = "status";
      m.sql = absl::StrCat("ALTER TYPE status ADD VALUE 'v_", m.version, "';\n");
      return;
    case Kind::kMixed:
      m.title = "mixed";
      m.sql = TableSql(m.version) + CountSql(m.version);
      return;
    case Kind::kIndex:
      m.title = "index";
      m.sql = absl::StrCat("-- lockstep:transaction none\nCREATE INDEX CONCURRENTLY i_", m.version,
                           " ON orders (customer);\n");
      return;
    case Kind::kDrop:
      m.title = absl::StrCat("drop_c_", m.drops);
      m.sql = absl::StrCat("ALTER TABLE wide DROP COLUMN c_", m.drops, ";\n");
      return;
  }
}

}  // namespace

Kind MigrationSource::Choose(int version) {
  if (version == 1) return Kind::kBase;
  const uint64_t draw = Mixed(mix_.seed, static_cast<uint64_t>(version)) % 100;
  if (draw < 22) return Kind::kColumn;
  if (draw < 40) return Kind::kTable;
  if (draw < 58) return Kind::kCount;
  if (draw < 72) return Kind::kSlow;
  if (draw < 78) return Kind::kStatus;
  if (draw < 88) return Kind::kMixed;
  if (draw < 94) return mix_.indexes ? Kind::kIndex : Kind::kSlow;
  const bool droppable = mix_.contracts && oldest_column_ < columns_.size() &&
                         columns_[oldest_column_] + kDropDistance <= version;
  return droppable ? Kind::kDrop : Kind::kColumn;
}

const Migration& MigrationSource::Next() {
  Migration m{.version = static_cast<int>(all_.size()) + 1};
  m.kind = Choose(m.version);
  if (m.kind == Kind::kColumn) columns_.push_back(m.version);
  if (m.kind == Kind::kDrop) m.drops = columns_[oldest_column_++];
  Describe(m, Mixed(mix_.seed + 1, static_cast<uint64_t>(m.version)));
  all_.push_back(std::move(m));
  return all_.back();
}

std::string QueriesOfBuild(const std::vector<Migration>& chain) {
  std::vector<int> columns;
  std::set<int> dropped;
  int table = 0, counted = 0;
  for (const Migration& m : chain) {
    if (m.kind == Kind::kColumn) columns.push_back(m.version);
    if (m.kind == Kind::kDrop) dropped.insert(m.drops);
    if (m.kind == Kind::kTable || m.kind == Kind::kMixed) table = m.version;
    if (m.kind == Kind::kCount || m.kind == Kind::kSlow || m.kind == Kind::kMixed) {
      counted = m.version;
    }
  }
  columns.erase(std::remove_if(columns.begin(), columns.end(),
                               [&](int version) { return dropped.contains(version); }),
                columns.end());
  // The oldest are the next to be dropped, the newest the last to have come.
  std::vector<std::string> used;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i < kColumnsUsed || i + kColumnsUsed >= columns.size()) {
      used.push_back(absl::StrCat("count(c_", columns[i], ") = 0"));
    }
  }
  std::string queries;
  if (!used.empty()) {
    absl::StrAppend(&queries, "SELECT ", absl::StrJoin(used, " AND "), " FROM public.wide\n");
  }
  if (table > 0) absl::StrAppend(&queries, "SELECT count(*) = 0 FROM public.t_", table, "\n");
  if (counted > 0) {
    absl::StrAppend(&queries, "SELECT n = 1 FROM public.counter WHERE version = ", counted, "\n");
  }
  if (queries.empty()) queries = "SELECT true\n";
  return queries;
}

}  // namespace lockstep::chaos
