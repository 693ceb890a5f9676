#include "engine/base/log.h"

#include <atomic>
#include <memory>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

#include "engine/base/mutex.h"

namespace lockstep::base {
namespace {

struct State {
  Mutex mu;
  LogOptions options ABSL_GUARDED_BY(mu);
  std::function<void(LogLevel, const std::string&)> capture ABSL_GUARDED_BY(mu);
  std::shared_ptr<spdlog::logger> logger ABSL_GUARDED_BY(mu);
  std::atomic<int> level{static_cast<int>(LogLevel::kInfo)};
};

State& state() {
  static State* const instance = [] {
    auto* s = new State;
    MutexLock lock(s->mu);
    s->logger = std::make_shared<spdlog::logger>("lockstep",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    s->logger->set_pattern("%v");
    s->logger->set_level(spdlog::level::trace);
    s->logger->flush_on(spdlog::level::trace);
    return s;
  }();
  return *instance;
}

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "off";
}

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (unsigned char c : value) {
    if (!absl::ascii_isgraph(c) || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

// Terminals must not see control characters that came from outside.
std::string TextValue(absl::string_view value) {
  if (!NeedsQuotes(value)) return std::string(value);
  return absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\"");
}

}  // namespace

std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view time,
                          absl::string_view program, absl::string_view message,
                          const LogFields& fields) {
  if (format == LogFormat::kJson) {
    nlohmann::ordered_json json = {{"time", std::string(time)},
                                   {"level", std::string(LevelName(level))}};
    if (!program.empty()) json["program"] = std::string(program);
    json["msg"] = std::string(message);
    for (const auto& [key, value] : fields) json[std::string(key)] = value;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  std::string line = absl::StrCat(time, " ", LevelName(level), " ", message);
  for (const auto& [key, value] : fields) absl::StrAppend(&line, " ", key, "=", TextValue(value));
  return line;
}

bool ParseLogLevel(absl::string_view text, LogLevel* level) {
  for (LogLevel candidate :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError, LogLevel::kOff}) {
    if (text == LevelName(candidate)) {
      *level = candidate;
      return true;
    }
  }
  return false;
}

void InitLogging(const LogOptions& options) {
  MutexLock lock(state().mu);
  state().options = options;
  if (options.format == LogFormat::kAuto) {
    state().options.format = isatty(STDERR_FILENO) ? LogFormat::kText : LogFormat::kJson;
  }
  state().level = static_cast<int>(options.level);
}

void SetLogCapture(std::function<void(LogLevel, const std::string&)> capture) {
  MutexLock lock(state().mu);
  state().capture = std::move(capture);
}

void Log(LogLevel level, absl::string_view message, const LogFields& fields) {
  State& s = state();
  if (static_cast<int>(level) < s.level.load()) return;
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  MutexLock lock(s.mu);
  const std::string line =
      FormatLogLine(s.options.format, level, time, s.options.program, message, fields);
  if (s.capture) {
    s.capture(level, line);
  } else {
    s.logger->info("{}", line);
  }
}

}  // namespace lockstep::base
