#include "tests/support/postgres_binaries.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "engine/base/digest.h"
#include "engine/base/status_macros.h"
#include "tests/support/spawn.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

// Raise it when what CreateTemplate makes changes.
constexpr int kTemplateFormat = 1;
constexpr absl::Duration kInitdbTimeout = absl::Minutes(2);

constexpr char kAccess[] =
    "local all         +lockstep_test_password scram-sha-256\n"
    "local all         all                     trust\n"
    "local replication all                     trust\n";

bool HasServer(const std::string& directory) {
  return access((directory + "/postgres").c_str(), X_OK) == 0 &&
         access((directory + "/initdb").c_str(), X_OK) == 0;
}

std::string NewestDebianBinaries() {
  int newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error)) {
    int major = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &major) && major > newest &&
        HasServer(entry.path().string() + "/bin")) {
      newest = major;
    }
  }
  return newest == 0 ? "" : absl::StrCat("/usr/lib/postgresql/", newest, "/bin");
}

absl::Status Run(const std::vector<std::string>& argv, const std::string& user) {
  const CommandResult result =
      RunCommand({.argv = argv, .working_directory = "/", .user = user}, kInitdbTimeout);
  if (result.exit == ExitStatus{.code = 0}) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(argv[0], " failed: ", result.err, result.out));
}

absl::Status CreateTemplate(const std::string& bindir, const std::string& directory) {
  RETURN_IF_ERROR(Run({bindir + "/initdb", "--no-sync", "-A", "trust", "-U", "postgres",
                       "--locale=C", "--encoding=UTF8", "-D", directory},
                      PostgresUser()));
  std::ofstream access_file(directory + "/pg_hba.conf", std::ios::trunc);
  access_file << kAccess;
  access_file.close();
  return access_file ? absl::OkStatus() : absl::InternalError("cannot write pg_hba.conf");
}

// The cache of this user, who alone may write it: /tmp belongs to everybody.
absl::StatusOr<std::string> CacheDirectory() {
  const std::string path = absl::StrCat("/tmp/lockstep-test-cache-", geteuid());
  mkdir(path.c_str(), 0755);
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory of ours"));
  }
  return path;
}

absl::Status EnsureTemplate(const std::string& bindir, const std::string& cache,
                            const std::string& directory) {
  const Fd lock(open((cache + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.get() < 0 || flock(lock.get(), LOCK_EX) != 0) {
    return absl::InternalError(absl::StrCat("cannot lock ", cache));
  }
  if (access(directory.c_str(), F_OK) == 0) return absl::OkStatus();
  // initdb runs as a user who may not write here, so it gets a directory of its own, and a finished
  // template appears in one step.
  const std::string fresh = directory + ".new";
  fs::remove_all(fresh);
  if (mkdir(fresh.c_str(), 0755) != 0) return absl::InternalError("cannot create " + fresh);
  if (const passwd* user = getpwnam(PostgresUser().c_str()); user != nullptr) {
    if (chown(fresh.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::InternalError("cannot hand over " + fresh);
    }
  }
  RETURN_IF_ERROR(CreateTemplate(bindir, fresh + "/data"));
  std::error_code error;
  fs::rename(fresh, directory, error);
  return error ? absl::InternalError(error.message()) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FindPostgresBinaries() {
  const char* const named = std::getenv("LOCKSTEP_TEST_PG_BINDIR");
  if (named != nullptr && *named != '\0') {
    if (HasServer(named)) return std::string(named);
    return absl::NotFoundError(absl::StrCat("no postgres in LOCKSTEP_TEST_PG_BINDIR=", named));
  }
  const CommandResult config = RunCommand({.argv = {"pg_config", "--bindir"}});
  const std::string configured(absl::StripAsciiWhitespace(config.out));
  if (!configured.empty() && HasServer(configured)) return configured;
  if (std::string debian = NewestDebianBinaries(); !debian.empty()) return debian;
  const char* const path = std::getenv("PATH");
  for (const std::string& directory :
       std::vector<std::string>(absl::StrSplit(path == nullptr ? "" : path, ':'))) {
    if (HasServer(directory)) return directory;
  }
  return absl::NotFoundError(
      "no postgres and initdb: tried LOCKSTEP_TEST_PG_BINDIR, pg_config --bindir, "
      "/usr/lib/postgresql/*/bin and PATH; install postgresql-15");
}

std::string PostgresUser() { return geteuid() == 0 ? "postgres" : ""; }

absl::Status CopyDataDirectory(const std::string& bindir, const std::string& directory) {
  ASSIGN_OR_RETURN(const std::string cache, CacheDirectory());
  const CommandResult version = RunCommand({.argv = {bindir + "/postgres", "--version"}});
  const std::string key = base::ToHex(
      base::Sha256Of(absl::StrCat(kTemplateFormat, "\n", bindir, "\n", version.out)).substr(0, 8));
  const std::string ready = absl::StrCat(cache, "/postgres-", key);
  RETURN_IF_ERROR(EnsureTemplate(bindir, cache, ready));
  return Run({"cp", "-a", "--reflink=auto", ready + "/data", directory}, "");
}

}  // namespace lockstep::testing
