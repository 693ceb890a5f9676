#include "tests/support/log_capture.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"

#include "engine/base/mutex.h"

namespace lockstep::testing {

struct LogCapture::Lines {
  base::Mutex mu;
  std::vector<std::pair<base::LogLevel, std::string>> lines ABSL_GUARDED_BY(mu);
};

LogCapture::LogCapture() : lines_(std::make_shared<Lines>()) {
  base::SetLogCapture([lines = lines_](base::LogLevel level, const std::string& line) {
    base::MutexLock lock(lines->mu);
    lines->lines.emplace_back(level, line);
  });
}

LogCapture::~LogCapture() { base::SetLogCapture({}); }

std::vector<std::string> LogCapture::lines() const {
  base::MutexLock lock(lines_->mu);
  std::vector<std::string> texts;
  for (const auto& [level, line] : lines_->lines) texts.push_back(line);
  return texts;
}

int LogCapture::Count(absl::string_view text) const {
  base::MutexLock lock(lines_->mu);
  return static_cast<int>(
      std::count_if(lines_->lines.begin(), lines_->lines.end(),
                    [&](const auto& entry) { return absl::StrContains(entry.second, text); }));
}

int LogCapture::CountLevel(base::LogLevel level) const {
  base::MutexLock lock(lines_->mu);
  return static_cast<int>(std::count_if(lines_->lines.begin(), lines_->lines.end(),
                                        [&](const auto& entry) { return entry.first == level; }));
}

}  // namespace lockstep::testing
