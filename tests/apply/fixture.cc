#include "tests/apply/fixture.h"

#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/ids.h"
#include "engine/catalog/bootstrap.h"
#include "engine/chain/sharing.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::BytesParam;
using postgres::Param;

constexpr char kBackendRunning[] =
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
    " AND strpos(query, $1) > 0 AND pid <> pg_backend_pid()";

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(Describe(status));
}

void Bootstrap(const std::string& conninfo) {
  auto connection = postgres::Connection::Open({.conninfo = conninfo});
  Require(connection.status());
  Require(catalog::Bootstrap(**connection, {}));
}

// As publishing would store it; alone for what could not be published.
chain::Sharing SharingOf(const std::string& sql) {
  const auto migration = chain::ReadMigration("001_step.sql", sql);
  return migration.ok() ? chain::SharingOf(*migration) : chain::Sharing::kAlone;
}

// As the review would tell it; a file that cannot be read counts as a transaction.
bool IsTransactional(const std::string& sql) {
  const auto migration = chain::ReadMigration("001_step.sql", sql);
  return !migration.ok() || migration->transactional;
}

// Schema lockstep, made once for the shared server; a server of the test's own gets it afresh.
TestDatabaseOptions WithCatalog(PostgresServer* server) {
  if (server != nullptr) return {.server = server};
  return {.template_name = TemplateOnce("with_catalog", Bootstrap)};
}

}  // namespace

LeasedDatabase::LeasedDatabase(PostgresServer* server) : db_(WithCatalog(server)) {
  if (server != nullptr) Bootstrap(db_.conninfo());
  owner_ = db_.CreateLogin("owner");
  agent_ = db_.CreateLogin("agent");
  db_.Query(absl::StrCat("GRANT lockstep_agents, ", owner_, " TO ", agent_));
  db_.Query(absl::StrCat("GRANT CREATE, USAGE ON SCHEMA public TO ", owner_));
}

void LeasedDatabase::Publish(const std::string& sql) {
  ++head_;
  const std::string title = "step";
  const std::string digest = chain::DigestOf(chain::NormalizeText(sql));
  db_.Query(
      "INSERT INTO lockstep.migration (version, title, phase, transactional, sql, digest,"
      " digest_algorithm, chain_hash, published_by, sharing) VALUES ($1, $2, 'expand', $6, $3,"
      " $4, 'ls1', $4, 'test', $5)",
      {Param(head_), Param(title), BytesParam(sql), BytesParam(digest),
       Param(chain::SharingName(SharingOf(sql))), Param(IsTransactional(sql))});
  db_.Query("UPDATE lockstep.chain SET head = $1", {Param(head_)});
  published_.push_back({.version = head_, .title = title, .sql = sql, .digest = digest});
}

apply::RunSpec LeasedDatabase::Lease(chain::Version first, chain::Version last) {
  const std::string lease_id = base::NewUuid();
  const auto row = db_.Query(
      "UPDATE lockstep.lease SET epoch = epoch + 1, lease_id = $1, session = gen_random_uuid(),"
      " state = 'held', first = $2, last = $3, expires_at = now() + interval '1 hour'"
      " RETURNING epoch",
      {Param(lease_id), Param(first), Param(last)});
  db_.Query("UPDATE lockstep.chain SET inflight = $1", {Param(last)});
  apply::RunSpec spec{.token = {.epoch = row.only().Long(0), .lease_id = lease_id},
                      .items = {published_.begin() + first - 1, published_.begin() + last},
                      .settings = {.owner_role = owner_,
                                   .search_path = "\"$user\", public",
                                   .lock_timeout = absl::Milliseconds(500),
                                   .statement_timeout = absl::Seconds(30)},
                      .conninfo = db_.conninfo(agent_)};
  return spec;
}

apply::RunSpec LeasedDatabase::LeaseGrouped() {
  apply::RunSpec spec = LeaseAll();
  chain::Sharing before = chain::Sharing::kAlone;
  for (size_t i = 0; i < spec.items.size(); ++i) {
    const chain::Sharing sharing = SharingOf(spec.items[i].sql);
    const bool joins = before == chain::Sharing::kAny && sharing != chain::Sharing::kAlone;
    spec.items[i].group = joins ? spec.items[i - 1].group : spec.items[i].version;
    before = sharing;
  }
  return spec;
}

apply::RunSpec LeasedDatabase::LeaseAsOneGroup() {
  apply::RunSpec spec = LeaseAll();
  for (apply::RunItem& item : spec.items) item.group = spec.items.front().version;
  return spec;
}

apply::RunResult LeasedDatabase::Apply(const apply::RunSpec& spec) {
  apply::Cancellation nobody;
  return apply::ApplyRun(spec, nobody, nullptr);
}

apply::RunResult LeasedDatabase::ApplyOne(const std::string& sql) {
  Publish(sql);
  return Apply(Lease(head_, head_));
}

int LeasedDatabase::HistorySize() {
  int size = -1;
  (void)absl::SimpleAtoi(Scalar("SELECT count(*) FROM lockstep.history"), &size);
  return size;
}

std::string LeasedDatabase::Groups() {
  return Scalar(
      "SELECT string_agg(first::text, ' ' ORDER BY version) FROM (SELECT version,"
      " min(version) OVER (PARTITION BY xid) AS first FROM lockstep.history) h");
}

bool TerminateBackendRunning(TestDatabase& db, absl::string_view text) {
  return Eventually([&] {
    return !db.Query(absl::StrCat("SELECT pg_terminate_backend(pid) FROM (", kBackendRunning,
                                  ") running"),
                     {Param(text)})
                .empty();
  });
}

bool WaitForBackendRunning(TestDatabase& db, absl::string_view text) {
  return Eventually([&] { return !db.Query(kBackendRunning, {Param(text)}).empty(); });
}

}  // namespace lockstep::testing
