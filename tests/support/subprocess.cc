#include "tests/support/subprocess.h"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <regex>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/mutex.h"
#include "tests/support/spawn.h"

namespace lockstep::testing {
namespace {

constexpr size_t kMaxOutputBytes = 64 << 20;

// Reads what is there without waiting; returns false at the end of the file.
bool Drain(int fd, std::string* text) {
  char buffer[16384];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    if (text->size() < kMaxOutputBytes) text->append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ExitStatus& status) {
  if (status.signal != 0) return out << "killed by signal " << status.signal;
  return out << "exit code " << status.code;
}

class Subprocess::Impl {
 public:
  absl::Status Start(const SubprocessOptions& options);
  ~Impl();

  std::optional<ExitStatus> Wait(absl::Duration timeout);
  bool TryReap();
  void Collect();
  bool WaitForOutput(const std::string& regex, absl::Duration timeout);

  const pid_t owner = getpid();
  mutable base::Mutex mu;
  base::CondVar changed;
  pid_t pid ABSL_GUARDED_BY(mu) = 0;
  std::optional<ExitStatus> exit ABSL_GUARDED_BY(mu);
  std::string out ABSL_GUARDED_BY(mu);
  std::string err ABSL_GUARDED_BY(mu);
  bool out_open ABSL_GUARDED_BY(mu) = false;
  bool err_open ABSL_GUARDED_BY(mu) = false;

 private:
  void Read();

  // Constant after Start.
  Fd out_fd_, err_fd_;
  Pipe stop_;  // Closing the write end ends the reader.
  std::thread reader_;
};

absl::Status Subprocess::Impl::Start(const SubprocessOptions& options) {
  auto input = MakePipe(), output = MakePipe(), error = MakePipe(), stop = MakePipe();
  for (const auto* pipe : {&input, &output, &error, &stop}) {
    if (!pipe->ok()) return pipe->status();
  }
  // A pipe holds 64 KiB, so this does not wait for a reader.
  const std::string text = options.standard_input.substr(0, 65536);
  if (!text.empty()) (void)!write(input->write.get(), text.data(), text.size());
  const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  base::MutexLock lock(mu);
  const absl::Status spawned = Spawn(options, text.empty() ? null.get() : input->read.get(),
                                     output->write.get(), error->write.get(), &pid);
  if (!spawned.ok()) return spawned;
  out_fd_ = std::move(output->read);
  err_fd_ = std::move(error->read);
  for (int fd : {out_fd_.get(), err_fd_.get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
  stop_ = *std::move(stop);
  out_open = err_open = true;
  reader_ = std::thread([this] { Read(); });
  return absl::OkStatus();
}

Subprocess::Impl::~Impl() {
  if (!TryReap()) {
    {
      base::MutexLock lock(mu);
      if (pid > 0) kill(pid, SIGKILL);
    }
    Wait(kPatience);
  }
  stop_.write.Close();
  if (reader_.joinable()) reader_.join();
}

bool Subprocess::Impl::TryReap() {
  base::MutexLock lock(mu);
  if (exit.has_value() || pid == 0) return true;
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return false;
  exit = WIFSIGNALED(status) ? ExitStatus{.signal = WTERMSIG(status)}
                             : ExitStatus{.code = WEXITSTATUS(status)};
  changed.NotifyAll();
  return true;
}

std::optional<ExitStatus> Subprocess::Impl::Wait(absl::Duration timeout) {
  if (!Eventually([this] { return TryReap(); }, timeout)) return std::nullopt;
  Collect();
  base::MutexLock lock(mu);
  return exit;
}

void Subprocess::Impl::Collect() {
  base::MutexLock lock(mu);
  if (out_open) out_open = Drain(out_fd_.get(), &out);
  if (err_open) err_open = Drain(err_fd_.get(), &err);
  changed.NotifyAll();
}

void Subprocess::Impl::Read() {
  for (;;) {
    pollfd fds[3] = {{stop_.read.get(), POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};
    {
      base::MutexLock lock(mu);
      if (out_open) fds[1].fd = out_fd_.get();
      if (err_open) fds[2].fd = err_fd_.get();
      if (!out_open && !err_open) return;
    }
    if (poll(fds, 3, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    Collect();
  }
}

bool Subprocess::Impl::WaitForOutput(const std::string& regex, absl::Duration timeout) {
  const std::regex pattern(regex);
  const absl::Time deadline = absl::Now() + timeout;
  base::MutexLock lock(mu);
  for (;;) {
    if (std::regex_search(out, pattern) || std::regex_search(err, pattern)) return true;
    if ((!out_open && !err_open) || absl::Now() >= deadline) return false;
    changed.WaitFor(lock, deadline - absl::Now());
  }
}

Subprocess::Subprocess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Subprocess::~Subprocess() = default;

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Start(const SubprocessOptions& options) {
  auto impl = std::make_unique<Impl>();
  if (absl::Status status = impl->Start(options); !status.ok()) return status;
  return std::unique_ptr<Subprocess>(new Subprocess(std::move(impl)));
}

std::optional<ExitStatus> Subprocess::Wait(absl::Duration timeout) { return impl_->Wait(timeout); }

void Subprocess::Signal(int signal) {
  base::MutexLock lock(impl_->mu);
  if (!impl_->exit.has_value()) kill(impl_->pid, signal);
}

pid_t Subprocess::pid() const {
  base::MutexLock lock(impl_->mu);
  return impl_->pid;
}

bool Subprocess::is_parent() const { return getpid() == impl_->owner; }

std::string Subprocess::stdout_text() const {
  base::MutexLock lock(impl_->mu);
  return impl_->out;
}

std::string Subprocess::stderr_text() const {
  base::MutexLock lock(impl_->mu);
  return impl_->err;
}

bool Subprocess::WaitForOutput(const std::string& regex, absl::Duration timeout) const {
  return impl_->WaitForOutput(regex, timeout);
}

bool ProcessRuns(pid_t pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(") ");  // A program's name may contain anything.
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return false;
  return text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
}

CommandResult RunCommand(const SubprocessOptions& options, absl::Duration timeout) {
  auto process = Subprocess::Start(options);
  if (!process.ok()) {
    return {.exit = ExitStatus{.code = 127}, .err = process.status().ToString()};
  }
  CommandResult result;
  result.exit = (*process)->Wait(timeout);
  result.out = (*process)->stdout_text();
  result.err = (*process)->stderr_text();
  return result;
}

}  // namespace lockstep::testing
