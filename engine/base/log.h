// Logging: one event a line, a constant message, and what varies as keys. A thin front over spdlog;
// JSON when standard error is not a terminal, key=value when it is.
//
//   LogInfo("run granted", {{"first", "3"}, {"last", "9"}, {"session", id}});
//
// INFO is what an operator wants in a post-mortem; WARNING means we coped; ERROR means someone must
// act. Log at the decision, not on each layer passed. No SQL text above debug, never a password.
// All functions are safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_BASE_LOG_H_
#define LOCKSTEP_ENGINE_BASE_LOG_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kAuto, kJson, kText };

using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kAuto;
  std::string program;  // First key of each line when not empty.
};

// Sets up logging to standard error. Call once, at the start of main; before it, INFO and above go
// to standard error as text.
void InitLogging(const LogOptions& options);

// Parses "debug", "info", "warning", "error", "off"; returns false for anything else.
bool ParseLogLevel(absl::string_view text, LogLevel* level);

void Log(LogLevel level, absl::string_view message, const LogFields& fields = {});
inline void LogDebug(absl::string_view m, const LogFields& f = {}) { Log(LogLevel::kDebug, m, f); }
inline void LogInfo(absl::string_view m, const LogFields& f = {}) { Log(LogLevel::kInfo, m, f); }
inline void LogWarning(absl::string_view m, const LogFields& f = {}) {
  Log(LogLevel::kWarning, m, f);
}
inline void LogError(absl::string_view m, const LogFields& f = {}) { Log(LogLevel::kError, m, f); }

// One line as it is written, without the line break; pure.
std::string FormatLogLine(LogFormat format, LogLevel level, absl::string_view time,
                          absl::string_view program, absl::string_view message,
                          const LogFields& fields);

// Receives every line from now on instead of standard error; an empty function restores it. For
// tests.
void SetLogCapture(std::function<void(LogLevel, const std::string& line)> capture);

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_LOG_H_
