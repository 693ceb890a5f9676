#include "ctl/interrupt.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int kSignalExitBase = 128;

void Ring(int fd) {
  const uint64_t one = 1;
  LOCKSTEP_CHECK(write(fd, &one, sizeof(one)) == sizeof(one));
}

}  // namespace

Interrupt::Interrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  LOCKSTEP_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  raised_fd_ = eventfd(0, EFD_CLOEXEC);
  LOCKSTEP_CHECK(signal_fd_ >= 0 && stop_fd_ >= 0 && raised_fd_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

Interrupt::~Interrupt() {
  Ring(stop_fd_);
  thread_.join();
  close(signal_fd_);
  close(stop_fd_);
  close(raised_fd_);
}

absl::Status Interrupt::ToStatus() const {
  const int signal = signal_.load();
  if (signal == 0) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kCancelled,
                         signal == SIGTERM ? "TERMINATED" : "INTERRUPTED", "interrupted");
}

bool Interrupt::SleepFor(absl::Duration duration) {
  pollfd wait = {.fd = raised_fd_, .events = POLLIN, .revents = 0};
  const int64_t milliseconds = std::max<int64_t>(0, absl::ToInt64Milliseconds(duration));
  poll(&wait, 1, static_cast<int>(std::min<int64_t>(milliseconds, INT32_MAX)));
  return !raised();
}

void Interrupt::Raise(int signal) {
  int none = 0;
  // The second one means it: whatever is still going on here is not waited for.
  if (!signal_.compare_exchange_strong(none, signal)) _exit(kSignalExitBase + signal);
  Ring(raised_fd_);
  base::MutexLock lock(mu_);
  if (context_ != nullptr) context_->TryCancel();
}

void Interrupt::Run() {
  while (true) {
    pollfd waits[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
    if (poll(waits, 2, -1) < 0) continue;
    if (waits[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) {
      Raise(static_cast<int>(info.ssi_signo));
    }
  }
}

Interrupt::CancelScope::CancelScope(Interrupt& interrupt, grpc::ClientContext* context)
    : interrupt_(interrupt) {
  base::MutexLock lock(interrupt_.mu_);
  interrupt_.context_ = context;
  if (interrupt_.raised()) context->TryCancel();
}

Interrupt::CancelScope::~CancelScope() {
  base::MutexLock lock(interrupt_.mu_);
  interrupt_.context_ = nullptr;
}

}  // namespace lockstep::ctl
