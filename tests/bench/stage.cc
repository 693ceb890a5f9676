#include "tests/bench/stage.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/leader_store.h"
#include "engine/base/ids.h"
#include "engine/catalog/bootstrap.h"
#include "engine/chain/directory.h"
#include "tests/bench/measure.h"
#include "tests/support/matchers.h"

namespace lockstep::bench {
namespace {

void Demand(const absl::Status& status) { Require(status.ok(), testing::Describe(status)); }

template <typename T>
T Demand(absl::StatusOr<T> result) {
  Demand(result.status());
  return *std::move(result);
}

// Bootstrap and long lists of migrations take their time on a busy machine.
std::unique_ptr<postgres::Connection> Open(const std::string& conninfo) {
  return Demand(
      postgres::Connection::Open({.conninfo = conninfo, .statement_timeout = absl::Minutes(2)}));
}

}  // namespace

// Buffers as initdb sets them; the servers of tests make do with less.
Stage::Stage(bool quick)
    : quick_(quick),
      server_({.fsync = true, .max_connections = 200, .settings = {{"shared_buffers", "128MB"}}}) {
  DescribeMachine(report_);
  Demand(server_.Start());
  const auto version = Demand(Open(server_.conninfo())->Query("SHOW server_version"));
  report_.Machine("PostgreSQL", absl::StrCat(version.only().Text(0),
                                             ", fsync on, 128 MB of buffers, Unix socket"));
}

GovernedDatabase::GovernedDatabase(Stage& stage) : db_({.server = &stage.server()}) {
  owner_ = db_.CreateLogin("owner");
  migrator_ = db_.CreateLogin("migrator");
  db_.RunScript(absl::StrCat("ALTER DATABASE ", db_.name(), " OWNER TO ", owner_,
                             "; GRANT ALL ON SCHEMA public TO ", owner_));
  set_up_seconds_ = SetUp(db_, owner_);
  db_.RunScript(absl::StrCat("GRANT lockstep_agents, ", owner_, " TO ", migrator_));
}

double SetUp(testing::TestDatabase& db, const std::string& owner) {
  const auto connection = Open(db.conninfo());
  const double start = Now();
  Demand(catalog::Bootstrap(*connection, {.owner_role = owner}));
  return Now() - start;
}

void PublishChain(testing::TestDatabase& db, const chain::Chain& chain) {
  const auto connection = Open(db.conninfo());
  const std::string holder = base::NewUuid();
  const auto leader =
      Demand(coordinator::AcquireLeadership(*connection, holder, "", absl::Minutes(5), {}));
  Demand(coordinator::AppendMigrations(*connection, leader.token, chain::EmptyChainHash(),
                                       chain.migrations, chain.backfills, "bench")
             .status());
  Demand(coordinator::ResignLeadership(*connection, leader.token));
}

void PretendApplied(testing::TestDatabase& db) {
  db.RunScript(
      "INSERT INTO lockstep.history SELECT version, digest, 1, gen_random_uuid(), "
      "pg_current_xact_id(), now(), '1 ms', NULL, 'bench', 0, 'baselined' FROM lockstep.migration;"
      "UPDATE lockstep.chain SET applied = head; ANALYZE lockstep.migration, lockstep.history");
}

int GovernedDatabase::Transactions() {
  return std::stoi(db_.Scalar("SELECT count(DISTINCT xid) FROM lockstep.history"));
}

void GovernedDatabase::CheckApplied(int last, const std::string& expected) {
  const std::string versions =
      db_.Scalar("SELECT string_agg(version::text, ',' ORDER BY version) FROM lockstep.history");
  std::string wanted;
  for (int version = 1; version <= last; ++version) {
    absl::StrAppend(&wanted, version == 1 ? "" : ",", version);
  }
  Require(versions == wanted, absl::StrCat("the history is ", versions));
  Require(SchemaDigest(db_, "") == expected, "the schema is not what the reference makes");
}

std::string SchemaDigest(testing::TestDatabase& db, const std::string& except) {
  return db.Scalar(
      "SELECT md5(string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable), ',' "
      "ORDER BY table_name, column_name)) FROM information_schema.columns "
      "WHERE table_schema = 'public' AND table_name <> $1",
      {postgres::Param(except)});
}

void WriteGeneratedChain(const std::string& directory, int count) {
  std::filesystem::create_directories(directory);
  for (int version = 1; version <= count; ++version) {
    const bool table = version % 2 == 1;
    std::ofstream file(absl::StrFormat("%s/%03d_%s.sql", directory, version,
                                       table ? "create_table" : "add_column"));
    if (table) {
      file << "CREATE TABLE part_" << version
           << " (id bigint PRIMARY KEY, name text NOT NULL, made_at timestamptz);\n";
    } else {
      file << "ALTER TABLE part_" << version - 1 << " ADD COLUMN colour text;\n";
    }
  }
  std::ofstream sum(absl::StrCat(directory, "/", chain::kChainSumFile));
  sum << chain::FormatChainSum(LoadChain(directory).sum());
}

chain::Chain LoadChain(const std::string& directory) {
  return Demand(chain::LoadDirectory(directory));
}

}  // namespace lockstep::bench
