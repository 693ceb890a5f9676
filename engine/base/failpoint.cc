#include "engine/base/failpoint.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"

namespace lockstep::base {
namespace {

constexpr char kArmedBy[] = "LOCKSTEP_FAILPOINTS";
constexpr char kLog[] = "LOCKSTEP_FAILPOINT_LOG";
constexpr int kExitUsage = 2;

enum class Action { kKill, kStop, kReset, kError };

struct Point {
  Action action = Action::kKill;
  std::string action_name;
  int acts_on = 1;  // Which hit, from 1.
  int hits = 0;
};

using Points = std::map<std::string, Point, std::less<>>;

std::optional<Action> ActionOf(absl::string_view name) {
  if (name == "kill") return Action::kKill;
  if (name == "stop") return Action::kStop;
  if (name == "reset") return Action::kReset;
  if (name == "error") return Action::kError;
  return std::nullopt;
}

absl::Status Unreadable(absl::string_view part) {
  return absl::InvalidArgumentError(
      absl::StrCat(kArmedBy, ": not NAME=kill|stop|reset|error[@HIT]: ", part));
}

absl::StatusOr<Points> Parse(absl::string_view text) {
  Points points;
  for (absl::string_view part : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
    const std::pair<std::string, std::string> named = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const std::pair<std::string, std::string> when =
        absl::StrSplit(named.second, absl::MaxSplits('@', 1));
    const std::optional<Action> action = ActionOf(when.first);
    Point point{.action_name = when.first};
    const bool counted = when.second.empty() || absl::SimpleAtoi(when.second, &point.acts_on);
    if (named.first.empty() || !action.has_value() || !counted || point.acts_on < 1) {
      return Unreadable(part);
    }
    point.action = *action;
    if (!points.emplace(named.first, point).second) return Unreadable(part);
  }
  return points;
}

class Armed {
 public:
  explicit Armed(Points points) : points_(std::move(points)) {}

  void Replace(Points points) {
    MutexLock lock(mu_);
    points_ = std::move(points);
  }

  bool Waits(absl::string_view name) const {
    MutexLock lock(mu_);
    const auto found = points_.find(name);
    return found != points_.end() && found->second.hits < found->second.acts_on;
  }

  // Counts a hit; returns the point when it is to act now.
  std::optional<Point> Hit(absl::string_view name) {
    MutexLock lock(mu_);
    const auto found = points_.find(name);
    if (found == points_.end() || ++found->second.hits != found->second.acts_on) {
      return std::nullopt;
    }
    return found->second;
  }

 private:
  mutable Mutex mu_;
  Points points_ ABSL_GUARDED_BY(mu_);
};

// Never destroyed: threads may come to a point while the process ends.
Armed& TheArmed() {
  static Armed* const armed = [] {
    const char* const text = std::getenv(kArmedBy);
    absl::StatusOr<Points> points = Parse(text == nullptr ? "" : text);
    if (!points.ok()) {
      std::fprintf(stderr, "error: %s\n", std::string(points.status().message()).c_str());
      std::_Exit(kExitUsage);
    }
    return new Armed(*std::move(points));
  }();
  return *armed;
}

// One write of a short line to a file opened for appending: lines of several processes do not mix.
void Record(absl::string_view name, const Point& point) {
  LogWarning("failpoint", {{"name", std::string(name)}, {"action", point.action_name}});
  const char* const path = std::getenv(kLog);
  if (path == nullptr) return;
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  const std::string line =
      absl::StrCat(name, " ", point.action_name, " ", getpid(), " ", point.hits, "\n");
  if (file < 0 || write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    std::perror(kLog);
  }
  if (file >= 0) close(file);
}

// Dies or stops here; returns what is left to be done by the caller.
std::optional<Action> Act(absl::string_view name, int socket) {
  const std::optional<Point> point = TheArmed().Hit(name);
  if (!point.has_value()) return std::nullopt;
  Record(name, *point);
  switch (point->action) {
    case Action::kKill:
      kill(getpid(), SIGKILL);
      for (;;) pause();
    case Action::kStop:
      raise(SIGSTOP);
      return std::nullopt;
    case Action::kReset:
      if (socket != kNoSocket) shutdown(socket, SHUT_RDWR);
      return Action::kReset;
    case Action::kError:
      return Action::kError;
  }
  return std::nullopt;
}

}  // namespace

absl::Status FailpointStatus(absl::string_view name, int socket) {
  const std::optional<Action> action = Act(name, socket);
  if (!action.has_value()) return absl::OkStatus();
  if (*action == Action::kError) {
    return MakeError(absl::StatusCode::kAborted, "SQL_ERROR", absl::StrCat("failpoint ", name),
                     {{"sqlstate", "40001"}});
  }
  if (socket != kNoSocket) return absl::OkStatus();  // The next use of the connection finds it.
  return MakeError(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE",
                   absl::StrCat("failpoint ", name));
}

bool FailpointCuts(absl::string_view name, int socket) { return Act(name, socket).has_value(); }

bool FailpointIsArmed(absl::string_view name) { return TheArmed().Waits(name); }

absl::Status ArmFailpoints(absl::string_view text) {
  absl::StatusOr<Points> points = Parse(text);
  if (!points.ok()) return points.status();
  TheArmed().Replace(*std::move(points));
  return absl::OkStatus();
}

}  // namespace lockstep::base
