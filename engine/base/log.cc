#include "engine/base/log.h"

#include <atomic>
#include <cstdint>
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

// Returns the length of the well-formed UTF-8 sequence at the start of `text` and its code point,
// or 0 when there is none (RFC 3629: no overlong forms, no surrogates).
size_t DecodeUtf8(absl::string_view text, uint32_t* code_point) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80             ? 1
                        : (lead & 0xe0) == 0xc0 ? 2
                        : (lead & 0xf0) == 0xe0 ? 3
                        : (lead & 0xf8) == 0xf0 ? 4
                                                : 0;
  if (length == 0 || text.size() < length) return 0;
  static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  *code_point = length == 1 ? lead : lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    *code_point = *code_point << 6 | (byte(i) & 0x3fu);
  }
  const bool surrogate = *code_point >= 0xd800 && *code_point <= 0xdfff;
  return *code_point < kSmallest[length] || *code_point > 0x10ffff || surrogate ? 0 : length;
}

// C0 and C1 controls, invisible and line-breaking characters, and those that turn text around.
bool IsControl(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

// Terminals must not see control characters that came from outside, nor bytes that are no text: an
// 8-bit terminal takes 0x9b for the start of a control sequence.
std::string TextValue(absl::string_view value) {
  if (!NeedsQuotes(value)) return std::string(value);
  std::string text = "\"";
  while (!value.empty()) {
    uint32_t code_point = 0;
    const size_t length = DecodeUtf8(value, &code_point);
    const absl::string_view piece = value.substr(0, length == 0 ? 1 : length);
    const bool plain = length > 1 && !IsControl(code_point);
    absl::StrAppend(&text, plain ? std::string(piece) : absl::CHexEscape(piece));
    value.remove_prefix(piece.size());
  }
  text.push_back('"');
  return text;
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
