#include "ctl/dev/state.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "ctl/dev/error.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl::dev {
namespace {

namespace fs = std::filesystem;

constexpr char kRunning[] = "running";
constexpr int64_t kMaxRunningBytes = 4096;
constexpr int kMaxParents = 64;
constexpr int kLeftoverPollMs = 20;
// The longest name below the directory of the sockets.
constexpr absl::string_view kLongestSocket = "/pg/.s.PGSQL.65535";

// Directories of ours: for nobody else, but for the server's user, who must get to his own.
mode_t ModeFor(const std::optional<ServerUser>& user) { return user.has_value() ? 0711 : 0700; }

absl::Status MakeOwn(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return StateErrno("make", path);
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return StateErrno("look at", path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
    return StateError(absl::StrCat(path, " is not a directory of yours"), path,
                      "another place: `lockstep dev --state DIR`");
  }
  return chmod(path.c_str(), mode) == 0 ? absl::OkStatus() : StateErrno("change the mode of", path);
}

// PostgreSQL's user must get through every directory above the data.
absl::Status CheckReachable(const std::string& path, const ServerUser& user) {
  for (fs::path up = fs::path(path).parent_path(); up != up.root_path(); up = up.parent_path()) {
    struct stat info = {};
    if (stat(up.c_str(), &info) != 0) return StateErrno("look at", up.string());
    const mode_t needed = info.st_uid == user.uid   ? S_IXUSR
                          : info.st_gid == user.gid ? S_IXGRP
                                                    : S_IXOTH;
    if ((info.st_mode & needed) != 0) continue;
    return StateError(
        absl::StrCat("PostgreSQL refuses to run as root, and its user ", user.name,
                     " may not enter ", up.string()),
        up.string(),
        "run it as another user, or give a directory that all may pass: `lockstep dev --state "
        "/var/tmp/NAME`, or use --ephemeral");
  }
  return absl::OkStatus();
}

struct Running {
  std::string pid;
  std::string address;
};

// `running` of a state directory; a file that is another user's could send us anywhere.
std::optional<Running> ReadRunning(const std::string& state) {
  const std::string path = absl::StrCat(state, "/", kRunning);
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  if (info.st_uid != geteuid() && info.st_uid != 0) return std::nullopt;
  const auto text = base::ReadFile(path, kMaxRunningBytes);
  if (!text.ok()) return std::nullopt;
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  if (lines.size() < 2 || lines[1].empty()) return std::nullopt;
  return Running{.pid = lines[0], .address = lines[1]};
}

absl::StatusOr<std::string> MakeTemporary() {
  const char* const base = std::getenv("TMPDIR");
  std::string path =
      absl::StrCat(base == nullptr || *base != '/' || !FitsSockets(base) ? "/tmp" : base,
                   "/lockstep-dev-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return StateErrno("make", path);
  return path;
}

}  // namespace

bool FitsSockets(absl::string_view directory) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("/._-+@", absl::string_view(&c, 1));
  };
  return directory.size() + kLongestSocket.size() <= kMaxSocketPath &&
         std::all_of(directory.begin(), directory.end(), plain);
}

State::State(std::string path, const StateOptions& options)
    : path_(std::move(path)), temporary_(options.path.empty()), server_user_(options.server_user) {}

absl::StatusOr<std::unique_ptr<State>> State::Open(const StateOptions& options) {
  std::error_code error;
  std::string path = fs::absolute(options.path, error).lexically_normal().string();
  if (options.path.empty()) {
    ASSIGN_OR_RETURN(path, MakeTemporary());
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  std::unique_ptr<State> state(new State(path, options));
  RETURN_IF_ERROR(state->MakeDirectory());
  RETURN_IF_ERROR(state->Lock());
  RETURN_IF_ERROR(state->MakeContents());
  RETURN_IF_ERROR(state->WaitForLeftovers(options.cancel));
  RETURN_IF_ERROR(state->MakeSockets());
  return state;
}

State::~State() {
  if (lock_ < 0) return;  // Another one's, or nothing was made.
  std::error_code ignored;
  fs::remove(absl::StrCat(path_, "/", kRunning), ignored);
  if (!sockets_.empty()) {
    fs::remove(socket(), ignored);
    fs::remove_all(server_sockets(), ignored);
    if (sockets_ != path_) fs::remove(sockets_, ignored);
  }
  if (temporary_) fs::remove_all(path_, ignored);
  if (family_lock_ >= 0) close(family_lock_);
  close(lock_);
}

absl::Status State::MakeDirectory() {
  std::error_code error;
  const fs::path parent = fs::path(path_).parent_path();
  fs::create_directories(parent, error);
  if (error) {
    return StateError(absl::StrCat("cannot make ", parent.string(), ": ", error.message()),
                      parent.string(), "another place: `lockstep dev --state DIR`");
  }
  RETURN_IF_ERROR(MakeOwn(path_, ModeFor(server_user_)));
  return server_user_.has_value() ? CheckReachable(path_, *server_user_) : absl::OkStatus();
}

absl::Status State::Lock() {
  const int fd = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return StateErrno("open", path_);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    lock_ = fd;
    return absl::OkStatus();
  }
  const bool held = errno == EWOULDBLOCK;
  const absl::Status failed = StateErrno("lock", path_);
  close(fd);
  if (!held) return failed;
  const auto running = ReadRunning(path_);
  base::ErrorInfo info{.reason = kReasonRunning, .metadata = {{"path", path_}}};
  if (running.has_value()) {
    info.metadata["pid"] = running->pid;
    info.metadata["address"] = running->address;
    info.hint = absl::StrCat("`lockstep status --address ", running->address,
                             "` shows it, `kill -INT ", running->pid, "` stops it");
  } else {
    info.hint = "it is about to start or to stop; try again in a moment";
  }
  return base::MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat("a `lockstep dev` runs already on ", path_,
                   running.has_value() ? absl::StrCat(", process ", running->pid) : ""),
      std::move(info));
}

absl::Status State::MakeContents() {
  RETURN_IF_ERROR(base::WriteFileAtomically(path_ + "/.gitignore", "*\n"));
  RETURN_IF_ERROR(MakeOwn(path_ + "/log", 0700));
  RETURN_IF_ERROR(MakeOwn(agent(), 0700));
  std::error_code ignored;
  fs::remove(absl::StrCat(path_, "/", kRunning), ignored);
  return absl::OkStatus();
}

absl::Status State::WaitForLeftovers(int cancel) {
  const std::string path = path_ + "/log";
  family_lock_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (family_lock_ < 0) return StateErrno("open", path);
  const absl::Time end = absl::Now() + kLeftoverPatience;
  while (flock(family_lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return StateErrno("lock", path);
    if (absl::Now() >= end) {
      return StateError("programs of a `lockstep dev` that was killed have not ended", path,
                        absl::StrCat("`fuser -v ", path, "` lists them"));
    }
    pollfd wait = {.fd = cancel, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, kLeftoverPollMs) > 0) return Interrupted();
  }
  return absl::OkStatus();
}

absl::Status State::MakeSockets() {
  std::string directory = path_;
  if (!FitsSockets(path_)) {
    // The server's user does not get into root's own run-time directory.
    const char* const runtime = server_user_.has_value() ? nullptr : getenv("XDG_RUNTIME_DIR");
    const bool usable = runtime != nullptr && *runtime == '/' && access(runtime, W_OK) == 0;
    directory = absl::StrCat(usable ? runtime : "/tmp", "/lockstep-dev-", geteuid(), "-",
                             base::ToHex(base::Sha256Of(path_).substr(0, 6)));
    if (!FitsSockets(directory)) {
      return StateError(absl::StrCat(path_, " is no place for sockets, and neither is ", directory),
                        path_, "give a short directory: `lockstep dev --state /tmp/NAME`");
    }
    RETURN_IF_ERROR(MakeOwn(directory, ModeFor(server_user_)));
  }
  sockets_ = directory;
  std::error_code ignored;
  fs::remove(socket(), ignored);
  fs::remove_all(server_sockets(), ignored);
  RETURN_IF_ERROR(MakeOwn(server_sockets(), 0700));
  if (server_user_.has_value() &&
      chown(server_sockets().c_str(), server_user_->uid, server_user_->gid) != 0) {
    return StateErrno("hand over", server_sockets());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> State::Password() const {
  const std::string path = agent() + "/password";  // A directory for us alone.
  auto known = base::ReadFile(path, kMaxRunningBytes);
  if (known.ok()) return std::string(absl::StripAsciiWhitespace(*known));
  const std::string fresh = base::NewUuid();
  RETURN_IF_ERROR(base::WriteFileAtomically(path, fresh + "\n"));
  return fresh;
}

absl::Status State::Announce() const {
  return base::WriteFileAtomically(absl::StrCat(path_, "/", kRunning),
                                   absl::StrCat(getpid(), "\n", address(), "\n"));
}

std::optional<std::string> FindAddress(const std::string& directory) {
  fs::path up = directory;
  for (int i = 0; i < kMaxParents && !up.empty(); ++i, up = up.parent_path()) {
    const auto running = ReadRunning((up / kDefaultState).string());
    if (running.has_value()) return running->address;
    if (up == up.root_path()) break;
  }
  return std::nullopt;
}

}  // namespace lockstep::ctl::dev
