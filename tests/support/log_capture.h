// Collects what is logged while it lives, instead of standard error.
//
//   LogCapture log;
//   DoIt();
//   EXPECT_TRUE(log.Contains("session lost"));
#ifndef LOCKSTEP_TESTS_SUPPORT_LOG_CAPTURE_H_
#define LOCKSTEP_TESTS_SUPPORT_LOG_CAPTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/base/log.h"

namespace lockstep::testing {

// One at a time. Thread-safe. Lines of other threads that outlive it are kept out.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::vector<std::string> lines() const;
  bool Contains(absl::string_view text) const { return Count(text) > 0; }
  // How many lines contain `text`.
  int Count(absl::string_view text) const;
  // How many lines were logged at `level`.
  int CountLevel(base::LogLevel level) const;

 private:
  struct Lines;
  const std::shared_ptr<Lines> lines_;  // Shared with the capture function.
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_LOG_CAPTURE_H_
