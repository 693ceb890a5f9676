#include "ctl/dev/watcher.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace lockstep::ctl::dev {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void AddLines(const std::string& directory, std::vector<std::string>& lines) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    struct stat info = {};
    if (name[0] == '.' || !absl::EndsWithIgnoreCase(name, ".sql")) continue;
    if (stat(entry.path().c_str(), &info) != 0) continue;
    lines.push_back(absl::StrCat(entry.path().string(), " ", info.st_ino, " ", info.st_size, " ",
                                 info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec));
  }
}

}  // namespace

Watcher::Watcher(std::string directory)
    : directory_(std::move(directory)), inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  Mark();
}

Watcher::~Watcher() {
  if (inotify_ >= 0) close(inotify_);
}

void Watcher::Mark() {
  Watch();
  Drain();
  marked_ = Listing();
}

std::string Watcher::Listing() const {
  std::vector<std::string> lines;
  AddLines(directory_, lines);
  AddLines(directory_ + "/backfills", lines);
  std::sort(lines.begin(), lines.end());
  return absl::StrJoin(lines, "\n");
}

// Watching twice is watching once; what is not there yet is tried again with each look.
void Watcher::Watch() {
  if (inotify_ < 0) return;
  for (const char* folder : {"", "/backfills"}) {
    inotify_add_watch(inotify_, absl::StrCat(directory_, folder).c_str(), kEvents);
  }
}

bool Watcher::Drain() {
  alignas(inotify_event) char buffer[16 << 10];
  bool any = false;
  while (inotify_ >= 0 && read(inotify_, buffer, sizeof(buffer)) > 0) any = true;
  return any;
}

void Watcher::Settle() {
  const absl::Time end = absl::Now() + kMaxSettle;
  pollfd wait = {.fd = inotify_, .events = POLLIN, .revents = 0};
  while (absl::Now() < end && poll(&wait, 1, Milliseconds(kSettle)) > 0) Drain();
}

Watcher::Outcome Watcher::Wait(const std::vector<int>& others) {
  std::vector<pollfd> waits = {{.fd = inotify_, .events = POLLIN, .revents = 0}};
  for (const int fd : others) waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  while (true) {
    if (Listing() != marked_) {
      Settle();
      return kChanged;
    }
    poll(waits.data(), waits.size(), Milliseconds(kPollInterval));
    const bool other = std::any_of(waits.begin() + 1, waits.end(),
                                   [](const pollfd& wait) { return wait.revents != 0; });
    if (other) return kOther;
    Watch();
    Drain();
  }
}

}  // namespace lockstep::ctl::dev
