#include "ctl/dev/stack.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

#include "ctl/dev/error.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl::dev {
namespace {

constexpr absl::Duration kListenPoll = absl::Milliseconds(5);

bool Connects(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / name).string();
  if (!error && access(beside.c_str(), X_OK) == 0) return beside;
  const char* const path = std::getenv("PATH");
  for (absl::string_view directory : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    const std::string candidate = absl::StrCat(directory, "/", name);
    if (!directory.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return base::MakeError(
      absl::StatusCode::kNotFound, kReasonProcess,
      absl::StrCat("there is no ", name, " beside ", self.string(), " and none in PATH"),
      {{"program", name}}, "install it beside lockstep");
}

std::string ShellWord(absl::string_view text) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(c) || std::strchr("/._-+:@=,", c) != nullptr;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

absl::StatusOr<std::unique_ptr<Stack>> Stack::Start(const StackOptions& options) {
  std::unique_ptr<Stack> stack(new Stack());
  RETURN_IF_ERROR(stack->Run(options));
  return stack;
}

absl::Status Stack::Run(const StackOptions& options) {
  ASSIGN_OR_RETURN(const auto user, FindServerUser());
  ASSIGN_OR_RETURN(
      state_, State::Open({.path = options.state, .server_user = user, .cancel = options.cancel}));
  RETURN_IF_ERROR(StartDatabase(options));
  RETURN_IF_ERROR(StartCoordinator(options));
  RETURN_IF_ERROR(StartAgent());
  return state_->Announce();
}

absl::Status Stack::StartDatabase(const StackOptions& options) {
  if (options.reset) {
    // The binaries must not be chosen by what is removed.
    RETURN_IF_ERROR(Postgres({.binaries = "", .state = state_.get()}).RemoveData());
  }
  ASSIGN_OR_RETURN(const std::string binaries, FindBinaries(options.postgres_bin, state_->data()));
  if (options.port != 0) {
    ASSIGN_OR_RETURN(password_, state_->Password());
  }
  server_ = std::make_unique<Postgres>(
      PostgresOptions{.binaries = binaries, .state = state_.get(), .port = options.port});
  fresh_ = server_->fresh();
  RETURN_IF_ERROR(server_->Start(options.cancel));
  ASSIGN_OR_RETURN(database_, Database::Prepare(*server_, password_));
  return absl::OkStatus();
}

absl::Status Stack::StartCoordinator(const StackOptions& options) {
  ASSIGN_OR_RETURN(const std::string program, FindProgram("lockstep-coordinator"));
  ASSIGN_OR_RETURN(
      coordinator_,
      Child::Start({.name = "lockstep-coordinator",
                    .argv = {program, "--database", server_->Conninfo(kSuperuser, kDatabase),
                             "--listen", options.listen, "--socket", state_->socket(),
                             "--advertise", state_->address(), "--log-format", "text"},
                    .log = state_->log("coordinator"),
                    .death_signal = SIGTERM,
                    .keep = state_->family_lock()}));
  const absl::Time end = absl::Now() + kListenPatience;
  while (!Connects(state_->socket())) {
    if (coordinator_->Wait(kListenPoll, options.cancel)) {
      return coordinator_->Failure("did not start");
    }
    if (IsReadable(options.cancel)) return Interrupted();
    if (absl::Now() >= end) return coordinator_->Failure("does not listen");
  }
  return absl::OkStatus();
}

// It is there to apply migrations. Its own needs are none, and no contract concerns it. What it
// supervises ends with us even if the agent is killed; a laptop that slept has lost its session,
// which is no reason to stop.
absl::Status Stack::StartAgent() {
  ASSIGN_OR_RETURN(const std::string program, FindProgram("lockstep-agent"));
  const std::string service = state_->agent() + "/lockstep.yaml";
  const std::string sum = state_->agent() + "/chain.sum";
  RETURN_IF_ERROR(base::WriteFileAtomically(
      service,
      absl::StrCat("service: lockstep-dev\nadapted_to: ", chain::kMaxVersion, "\nuses: []\n")));
  RETURN_IF_ERROR(base::WriteFileAtomically(sum, chain::FormatChainSum({})));
  ASSIGN_OR_RETURN(agent_, Child::Start({.name = "lockstep-agent",
                                         .argv = {program,
                                                  "run",
                                                  "--address",
                                                  state_->address(),
                                                  "--service-file",
                                                  service,
                                                  "--chain-sum",
                                                  sum,
                                                  "--instance",
                                                  "dev",
                                                  "--migrate-database",
                                                  server_->Conninfo(kMigrator, kDatabase),
                                                  "--gate-timeout",
                                                  "0",
                                                  "--log-format",
                                                  "text",
                                                  "--",
                                                  "tail",
                                                  absl::StrCat("--pid=", getpid()),
                                                  "-f",
                                                  "/dev/null"},
                                         .log = state_->log("agent"),
                                         .death_signal = SIGTERM,
                                         .keep = state_->family_lock()}));
  return absl::OkStatus();
}

void Stack::Stop() {
  for (std::unique_ptr<Child>* child : {&agent_, &coordinator_}) {
    if (*child != nullptr) (*child)->Stop(SIGTERM, kStopPatience);
    child->reset();
  }
  database_.reset();
  if (server_ != nullptr) server_->Stop();
  state_.reset();
}

std::string Stack::url() const {
  if (password_.empty()) return server_->Url(kOwner, kDatabase);
  return absl::StrCat("postgresql://", kOwner, ":", password_, "@127.0.0.1:", server_->port(), "/",
                      kDatabase);
}

std::string Stack::psql() const {
  const std::string port =
      server_->port() == kServerPort ? "" : absl::StrCat(" -p ", server_->port());
  return absl::StrCat("psql -h ", ShellWord(state_->server_sockets()), port, " -U ", kOwner, " ",
                      kDatabase);
}

std::vector<int> Stack::fds() const {
  return {server_->process()->fd(), coordinator_->fd(), agent_->fd()};
}

absl::Status Stack::CheckAlive() {
  // What the others need comes first: it is the cause of their end.
  for (Child* child : {server_->process(), coordinator_.get(), agent_.get()}) {
    if (!child->running()) {
      return child->Failure(absl::StrCat("ended with exit code ", child->exit_code()));
    }
  }
  return absl::OkStatus();
}

}  // namespace lockstep::ctl::dev
