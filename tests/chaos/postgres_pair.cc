#include "tests/chaos/postgres_pair.h"

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"
#include "engine/postgres/connection.h"
#include "tests/support/repo_paths.h"

namespace lockstep::chaos {
namespace {

using testing::PostgresServer;

constexpr int kMaxConnections = 150;
constexpr absl::Duration kPatience = absl::Minutes(2);

std::string SocketOf(const PostgresServer& server) {
  return absl::StrCat(server.socket_directory(), "/.s.PGSQL.5432");
}

absl::StatusOr<std::string> Ask(const std::string& conninfo, const std::string& sql) {
  ASSIGN_OR_RETURN(auto connection, postgres::Connection::Open({.conninfo = conninfo,
                                                                .application_name = "chaos",
                                                                .statement_timeout = kPatience}));
  ASSIGN_OR_RETURN(const postgres::Result result, connection->Query(sql));
  return result.empty() ? "" : result.rows[0].Text(0);
}

}  // namespace

PostgresPair::PostgresPair(Proxy* proxy, std::string directory)
    : proxy_(proxy),
      directory_(std::move(directory)),
      replication_(proxy->ListenTcp("replication", {})) {
  SetClock(0);
}

std::string PostgresPair::DiskFlagOf(size_t server) const {
  return absl::StrCat(directory_, "/disk-", server, "-is-full");
}

testing::PostgresServerOptions PostgresPair::Options() {
  logs_.push_back(absl::StrCat(directory_, "/postgres-", logs_.size() + 1, ".log"));
  return {.max_connections = kMaxConnections,
          .settings = {{"wal_keep_size", "512MB"},
                       {"max_wal_size", "512MB"},
                       {"wal_retrieve_retry_interval", "200ms"},
                       {"autovacuum_naptime", "5s"},
                       {"restart_after_crash", "on"}},
          .env = {{"LD_PRELOAD", absl::StrCat(testing::ProgramPath("full_disk.so"), ":",
                                              testing::ProgramPath("clock_jump.so"))},
                  {"FULL_DISK_FLAG", DiskFlagOf(logs_.size())},
                  {"CLOCK_JUMP_FILE", absl::StrCat(directory_, "/clock")}},
          .log_file = logs_.back()};
}

Link* PostgresPair::NewClientLink(const std::string& name) {
  clients_.push_back(proxy_->ListenTcp(name, {}));
  if (primary_ != nullptr) clients_.back()->SetTarget({.unix_path = SocketOf(*primary_)});
  return clients_.back();
}

std::string PostgresPair::ConninfoOf(const Link& link, absl::string_view user,
                                     absl::string_view database) {
  return absl::StrCat("host=127.0.0.1 port=", link.port(), " dbname=", database, " user=", user);
}

std::string PostgresPair::DirectConninfo(absl::string_view user) const {
  return primary_->conninfo(kDatabase, user);
}

void PostgresPair::RetargetClients() {
  for (Link* const link : clients_) {
    link->SetTarget({.unix_path = SocketOf(*primary_)});
    link->Reset();
  }
}

absl::Status PostgresPair::Start() {
  primary_ = std::make_unique<PostgresServer>(Options());
  primary_number_ = logs_.size();
  RETURN_IF_ERROR(primary_->Start());
  RETURN_IF_ERROR(Ask(primary_->conninfo(), absl::StrCat("CREATE DATABASE ", kDatabase)).status());
  RetargetClients();
  return absl::OkStatus();
}

absl::Status PostgresPair::MakeStandby() {
  standby_.reset();
  replication_->Heal();
  replication_->SetTarget({.unix_path = SocketOf(*primary_)});
  testing::PostgresServerOptions options = Options();
  options.standby_of = primary_->conninfo();
  options.settings["primary_conninfo"] =
      absl::StrCat("host=127.0.0.1 port=", replication_->port(), " user=postgres");
  auto standby = std::make_unique<PostgresServer>(options);
  RETURN_IF_ERROR(standby->Start());
  standby_ = std::move(standby);
  return absl::OkStatus();
}

absl::Status PostgresPair::Failover(absl::Duration withhold) {
  if (!has_standby()) return absl::FailedPreconditionError("there is no standby");
  const auto follows = Ask(primary_->conninfo(), "SELECT count(*)::text FROM pg_stat_replication");
  RETURN_IF_ERROR(follows.status());
  if (*follows != "1") return absl::FailedPreconditionError("the standby does not follow");
  ++failovers_;
  replication_->Hold(Side::kServer, absl::Minutes(10));
  absl::SleepFor(withhold);  // What is committed now is what gets lost.
  primary_->Kill();
  replication_->Reset();
  primary_ = std::move(standby_);
  primary_number_ = logs_.size();  // The last one that was made.
  // Not by SQL: lockstep's connections refuse a server that is read-only.
  const absl::Status promoted = primary_->Promote();
  RetargetClients();  // Also when that took too long: it is the only server there is.
  return promoted;
}

std::vector<pid_t> PostgresPair::pids() const {
  std::vector<pid_t> pids;
  for (const auto* const server : {primary_.get(), standby_.get()}) {
    if (server != nullptr) pids.push_back(server->pid());
  }
  return pids;
}

void PostgresPair::SetDiskFull(bool full) {
  const std::string flag = DiskFlagOf(primary_number_);
  if (full) {
    std::ofstream(flag) << "full\n";
  } else {
    unlink(flag.c_str());
  }
}

void PostgresPair::SetClock(int64_t seconds) {
  // Written in place: servers have it mapped.
  const int fd =
      open(absl::StrCat(directory_, "/clock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return;
  (void)!pwrite(fd, &seconds, sizeof(seconds), 0);
  close(fd);
}

}  // namespace lockstep::chaos
