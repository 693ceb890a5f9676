#include "ctl/dev/postgres.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "ctl/dev/error.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl::dev {
namespace {

namespace fs = std::filesystem;

constexpr char kDebian[] = "/usr/lib/postgresql";
constexpr int64_t kMaxSmallFile = 4096;
constexpr absl::Duration kReadyPoll = absl::Milliseconds(5);
// Lines of postmaster.pid that pg_ctl reads, too.
constexpr size_t kPidLine = 0;
constexpr size_t kStatusLine = 7;

bool HasServer(const std::string& directory) {
  return access((directory + "/postgres").c_str(), X_OK) == 0 &&
         access((directory + "/initdb").c_str(), X_OK) == 0;
}

// Debian's directory for the version that made the cluster, else the newest.
std::string DebianBinaries(const std::string& data) {
  if (const auto made_by = base::ReadFile(data + "/PG_VERSION", kMaxSmallFile); made_by.ok()) {
    const std::string same =
        absl::StrCat(kDebian, "/", absl::StripAsciiWhitespace(*made_by), "/bin");
    if (HasServer(same)) return same;
  }
  int newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kDebian, error)) {
    int major = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &major) && major > newest &&
        HasServer(entry.path().string() + "/bin")) {
      newest = major;
    }
  }
  return newest == 0 ? "" : absl::StrCat(kDebian, "/", newest, "/bin");
}

absl::Status NoBinaries(const std::string& looked) {
  return base::MakeError(absl::StatusCode::kNotFound, "POSTGRES_NOT_FOUND",
                         absl::StrCat("no PostgreSQL server found in ", looked),
                         {{"looked", looked}},
                         "install it (Debian: `apt-get install postgresql`), or name the directory "
                         "of postgres and initdb with --postgres-bin or LOCKSTEP_POSTGRES_BIN");
}

// The lines of postmaster.pid; empty when there is no such file.
std::vector<std::string> PostmasterLines(const std::string& data) {
  const auto text = base::ReadFile(data + "/postmaster.pid", kMaxSmallFile);
  if (!text.ok()) return {};
  return absl::StrSplit(*text, '\n');
}

std::string Quoted(absl::string_view value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

absl::StatusOr<std::string> FindBinaries(const std::string& named, const std::string& data) {
  const char* const variable = std::getenv("LOCKSTEP_POSTGRES_BIN");
  const std::string wanted = !named.empty() ? named : variable == nullptr ? "" : variable;
  if (!wanted.empty()) {
    const std::string path = fs::absolute(wanted).lexically_normal().string();
    return HasServer(path) ? absl::StatusOr<std::string>(path) : NoBinaries(wanted);
  }
  if (std::string debian = DebianBinaries(data); !debian.empty()) return debian;
  const char* const path = std::getenv("PATH");
  for (absl::string_view directory : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (absl::StartsWith(directory, "/") && HasServer(std::string(directory))) {
      return std::string(directory);
    }
  }
  return NoBinaries("/usr/lib/postgresql/*/bin and PATH");
}

bool Postgres::fresh() const {
  return access((options_.state->data() + "/PG_VERSION").c_str(), F_OK) != 0;
}

absl::Status Postgres::RemoveData() {
  RETURN_IF_ERROR(CheckNotRunning());
  std::error_code error;
  for (const std::string& path : {options_.state->data(), options_.state->data() + ".new"}) {
    fs::remove_all(path, error);
    if (error) return StateError(absl::StrCat("cannot remove ", path, ": ", error.message()), path);
  }
  return absl::OkStatus();
}

// Made beside its place and renamed, so that a cluster is there as a whole or not at all.
absl::Status Postgres::Create(int cancel) {
  RETURN_IF_ERROR(RemoveData());
  const std::string half = options_.state->data() + ".new";
  if (mkdir(half.c_str(), 0700) != 0) return StateErrno("make", half);
  const auto& user = options_.state->server_user();
  if (user.has_value() && chown(half.c_str(), user->uid, user->gid) != 0) {
    return StateErrno("hand over", half);
  }
  ASSIGN_OR_RETURN(
      const auto initdb,
      Child::Start({.name = "initdb",
                    .argv = {options_.binaries + "/initdb", "-D", half, "-U", kSuperuser,
                             "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8",
                             "--locale=C", "--no-sync", "--no-instructions"},
                    .log = options_.state->log("initdb"),
                    .user = user,
                    .death_signal = SIGKILL,
                    .keep = options_.state->family_lock()}));
  if (!initdb->Wait(kInitPatience, cancel)) {
    return IsReadable(cancel) ? Interrupted() : initdb->Failure("takes too long");
  }
  if (initdb->exit_code() != 0) return initdb->Failure("could not make the database");
  if (rename(half.c_str(), options_.state->data().c_str()) != 0) return StateErrno("rename", half);
  return absl::OkStatus();
}

// Our own are gone, by the lock; somebody may have started one by hand. What else postmaster.pid
// says is of a dead process, whose number may be another program's by now.
absl::Status Postgres::CheckNotRunning() const {
  const std::string data = options_.state->data();
  const std::vector<std::string> lines = PostmasterLines(data);
  if (lines.empty()) return absl::OkStatus();
  std::error_code error;
  const fs::path cwd = fs::read_symlink(absl::StrCat("/proc/", lines[kPidLine], "/cwd"), error);
  if (!error && fs::equivalent(cwd, data, error)) {
    return StateError(absl::StrCat("a PostgreSQL that `lockstep dev` did not start runs on ", data,
                                   ", process ", lines[kPidLine]),
                      data, absl::StrCat("stop it: `kill -INT ", lines[kPidLine], "`"));
  }
  unlink((data + "/postmaster.pid").c_str());
  return absl::OkStatus();
}

std::vector<std::string> Postgres::CommandLine() const {
  const std::vector<std::string> settings = {
      absl::StrCat("listen_addresses=", options_.port == 0 ? "" : "127.0.0.1"),
      absl::StrCat("port=", port()),
      absl::StrCat("unix_socket_directories=", options_.state->server_sockets()),
      "synchronous_commit=off",
      "wal_level=minimal",
      "max_wal_senders=0",
      "log_destination=stderr",
      "logging_collector=off",
      "log_line_prefix=%m [%p] %u@%d ",
      "log_lock_waits=on"};
  std::vector<std::string> argv = {options_.binaries + "/postgres", "-D", options_.state->data()};
  for (const std::string& setting : settings) {
    argv.push_back("-c");
    argv.push_back(setting);
  }
  return argv;
}

absl::Status Postgres::Start(int cancel) {
  if (fresh()) RETURN_IF_ERROR(Create(cancel));
  RETURN_IF_ERROR(CheckNotRunning());
  // When we die, it ends its sessions, writes a checkpoint and goes.
  ASSIGN_OR_RETURN(process_, Child::Start({.name = "PostgreSQL",
                                           .argv = CommandLine(),
                                           .log = options_.state->log("postgres"),
                                           .user = options_.state->server_user(),
                                           .death_signal = SIGINT,
                                           .keep = options_.state->family_lock()}));
  const std::string pid = absl::StrCat(process_->pid());
  const absl::Time end = absl::Now() + kServerStartPatience;
  while (absl::Now() < end) {
    const std::vector<std::string> lines = PostmasterLines(options_.state->data());
    if (lines.size() > kStatusLine && lines[kPidLine] == pid &&
        absl::StartsWith(lines[kStatusLine], "ready")) {
      return absl::OkStatus();
    }
    if (process_->Wait(kReadyPoll, cancel)) {
      return process_->Failure("did not start", "`lockstep dev --reset` makes a new database");
    }
    if (IsReadable(cancel)) return Interrupted();
  }
  return process_->Failure(
      absl::StrCat("was not ready after ", absl::FormatDuration(kServerStartPatience)));
}

void Postgres::Stop() {
  if (process_ == nullptr) return;
  process_->Stop(SIGINT, kServerStopPatience);
  process_.reset();
}

std::string Postgres::Conninfo(absl::string_view user, absl::string_view database) const {
  // What PGOPTIONS says is meant for another server.
  return absl::StrCat("host=", Quoted(options_.state->server_sockets()), " port=", port(),
                      " user=", user, " dbname=", database, " options=''");
}

std::string Postgres::Url(absl::string_view user, absl::string_view database) const {
  return absl::StrCat("postgresql://", user, "@/", database, "?host=",
                      absl::StrReplaceAll(options_.state->server_sockets(), {{"+", "%2B"}}),
                      "&port=", port());
}

}  // namespace lockstep::ctl::dev
