#include "tests/support/postgres_server.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <pwd.h>
#include <sstream>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <libpq-fe.h>

#include "engine/base/status_macros.h"
#include "tests/support/eventually.h"
#include "tests/support/postgres_binaries.h"

namespace lockstep::testing {
namespace {

// Whether the process runs no more: it is stopped, or dead and not waited for.
bool IsStopped(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  // The name before it may hold anything.
  const size_t name = stat.rfind(") ");
  return name == std::string::npos ||
         absl::string_view("TtZX").find(stat[name + 2]) != absl::string_view::npos;
}

namespace fs = std::filesystem;

constexpr char kDirectoryPrefix[] = "lockstep-pg-";
constexpr absl::Duration kStartTimeout = absl::Seconds(60);
constexpr absl::Duration kStopTimeout = absl::Seconds(30);
constexpr size_t kLogTailBytes = 4000;

// Directories of test binaries that ended without their destructors. Whoever uses a directory holds
// a lock on the file in it, and the kernel drops that lock with the process. A directory without
// the file is one that is being made.
void RemoveStaleDirectories() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/tmp", error)) {
    if (!absl::StartsWith(entry.path().filename().string(), kDirectoryPrefix)) continue;
    const Fd lock(open((entry.path() / "in-use").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (lock.get() < 0 || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

// The process id of the parent of `pid`, or 0.
pid_t ParentOf(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(") ");  // A program's name may contain anything.
  int parent = 0;
  if (name_end == std::string::npos) return 0;
  return std::sscanf(text.c_str() + name_end + 2, "%*c %d", &parent) == 1 ? parent : 0;
}

absl::Status RunAsServer(const std::vector<std::string>& argv) {
  const CommandResult result =
      RunCommand({.argv = argv, .working_directory = "/", .user = PostgresUser()}, kStartTimeout);
  if (result.exit == ExitStatus{.code = 0}) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(argv[0], " failed: ", result.err, result.out));
}

absl::Status HandOver(const std::string& directory) {
  const passwd* const user = getpwnam(PostgresUser().c_str());
  if (user == nullptr || chown(directory.c_str(), user->pw_uid, user->pw_gid) == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError("cannot hand over " + directory);
}

absl::Status BaseBackup(const std::string& bindir, const std::string& primary,
                        const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0) return absl::InternalError("cannot create " + directory);
  RETURN_IF_ERROR(HandOver(directory));
  return RunAsServer({bindir + "/pg_basebackup", "-D", directory, "-R", "-X", "stream", "-c",
                      "fast", "--no-sync", "-d", primary});
}

}  // namespace

PostgresServer::PostgresServer(PostgresServerOptions options)
    : options_(std::move(options)), directory_(kDirectoryPrefix) {}

PostgresServer::~PostgresServer() {
  // A forked copy of the test (a death test) must not end its parent's server.
  if (process_ != nullptr && !process_->is_parent()) {
    process_.release();  // NOLINT(bugprone-unused-return-value): the copy ends soon.
    return;
  }
  Stop(StopMode::kImmediate).IgnoreError();
}

absl::Status PostgresServer::Prepare() {
  if (!bindir_.empty()) return absl::OkStatus();
  RemoveStaleDirectories();
  ASSIGN_OR_RETURN(std::string bindir, FindPostgresBinaries());
  in_use_ = Fd(open(directory_.File("in-use").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (in_use_.get() < 0 || flock(in_use_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::InternalError("cannot lock " + directory_.path());
  }
  if (mkdir(socket_directory().c_str(), 0755) != 0) {
    return absl::InternalError("cannot create " + socket_directory());
  }
  RETURN_IF_ERROR(HandOver(socket_directory()));
  RETURN_IF_ERROR(options_.standby_of.empty()
                      ? CopyDataDirectory(bindir, data_directory())
                      : BaseBackup(bindir, options_.standby_of, data_directory()));
  bindir_ = std::move(bindir);
  return absl::OkStatus();
}

std::vector<std::string> PostgresServer::CommandLine() const {
  const std::string durable = options_.fsync ? "on" : "off";
  std::map<std::string, std::string> settings = {
      {"listen_addresses", ""},
      {"unix_socket_directories", socket_directory()},
      {"port", "5432"},
      {"fsync", durable},
      // SIGKILL may cut the write of a page in two.
      {"full_page_writes", "on"},
      {"max_connections", absl::StrCat(options_.max_connections)},
      {"superuser_reserved_connections", "1"},
      {"max_prepared_transactions", "10"},
      {"password_encryption", "scram-sha-256"},  // Version 13 would take md5.
      {"shared_buffers", "32MB"},
      {"log_destination", "stderr"},
      {"logging_collector", "off"},
      {"log_line_prefix", "%m [%p] %x %v %a "},
      {"log_statement", options_.log_statements ? "all" : "none"},
      {"timezone", "UTC"}};
  for (const auto& [key, value] : options_.settings) settings[key] = value;
  std::vector<std::string> argv = {bindir_ + "/postgres", "-D", data_directory()};
  for (const auto& [key, value] : settings) {
    argv.push_back("-c");
    argv.push_back(absl::StrCat(key, "=", value));
  }
  return argv;
}

absl::Status PostgresServer::Start() {
  if (running()) return absl::OkStatus();
  RETURN_IF_ERROR(Prepare());
  // SIGQUIT is PostgreSQL's immediate shutdown: sessions end and shared memory is given back.
  ASSIGN_OR_RETURN(process_, Subprocess::Start({.argv = CommandLine(),
                                                .env = options_.env,
                                                .working_directory = "/",
                                                .output_file = log_path(),
                                                .user = PostgresUser(),
                                                .death_signal = SIGQUIT}));
  const std::string target = conninfo();
  const bool decided =
      Eventually([&] { return !running() || PQping(target.c_str()) == PQPING_OK; }, kStartTimeout);
  if (decided && running()) return absl::OkStatus();
  process_.reset();
  const std::string log = ReadLog();
  return absl::InternalError(
      absl::StrCat("PostgreSQL did not start; its log ends with:\n",
                   log.substr(log.size() > kLogTailBytes ? log.size() - kLogTailBytes : 0)));
}

absl::Status PostgresServer::Stop(StopMode mode) {
  if (process_ == nullptr) return absl::OkStatus();
  process_->Signal(mode == StopMode::kFast ? SIGINT : SIGQUIT);
  const bool stopped = process_->Wait(kStopTimeout).has_value();
  if (!stopped) Kill();
  process_.reset();
  return stopped ? absl::OkStatus() : absl::InternalError("PostgreSQL had to be killed");
}

absl::Status PostgresServer::Restart(StopMode mode) {
  RETURN_IF_ERROR(Stop(mode));
  return Start();
}

absl::Status PostgresServer::Promote() {
  return RunAsServer({bindir_ + "/pg_ctl", "promote", "-w", "-D", data_directory()});
}

// Handles instead of numbers, because a number may be another process's by the time it is used.
std::vector<Fd> PostgresServer::Children() const {
  std::vector<Fd> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (ParentOf(name) != pid()) continue;
    Fd handle(static_cast<int>(syscall(SYS_pidfd_open, std::stoi(name), 0)));
    if (handle.get() >= 0 && ParentOf(name) == pid()) children.push_back(std::move(handle));
  }
  return children;
}

void PostgresServer::Kill() {
  if (process_ == nullptr) return;
  // A stopped postmaster starts no sessions that the list would miss; the signal alone stops
  // nobody.
  process_->Signal(SIGSTOP);
  (void)Eventually([&] { return IsStopped(process_->pid()); }, kStopTimeout);
  const std::vector<Fd> children = Children();
  process_->Signal(SIGKILL);
  for (const Fd& child : children) syscall(SYS_pidfd_send_signal, child.get(), SIGKILL, nullptr, 0);
  (void)process_->Wait();
  for (const Fd& child : children) {
    pollfd gone = {child.get(), POLLIN, 0};
    poll(&gone, 1, static_cast<int>(absl::ToInt64Milliseconds(kStopTimeout)));
  }
  process_.reset();
}

bool PostgresServer::running() {
  return process_ != nullptr && !process_->Wait(absl::ZeroDuration()).has_value();
}

pid_t PostgresServer::pid() const { return process_ == nullptr ? 0 : process_->pid(); }

std::string PostgresServer::conninfo(absl::string_view database, absl::string_view user) const {
  return absl::StrCat("host=", socket_directory(), " port=5432 dbname=", database, " user=", user);
}

std::string PostgresServer::ReadLog() const {
  std::ifstream file(log_path(), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

PostgresServer& SharedPostgres() {
  // Destroyed at exit, also after failed tests.
  static PostgresServer server;
  if (const absl::Status status = server.Start(); !status.ok()) {
    throw std::runtime_error(absl::StrCat("no PostgreSQL for this test: ", status.ToString()));
  }
  return server;
}

}  // namespace lockstep::testing
