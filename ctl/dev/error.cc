#include "ctl/dev/error.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "engine/base/error_info.h"

namespace lockstep::ctl::dev {
namespace {

constexpr size_t kTailLines = 12;
constexpr std::streamoff kTailBytes = 8 << 10;

std::string TailOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  file.seekg(size > kTailBytes ? size - kTailBytes : 0);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.size() > kTailLines) lines.erase(lines.begin(), lines.end() - kTailLines);
  return absl::StrJoin(lines, "\n");
}

}  // namespace

absl::Status StateError(absl::string_view message, const std::string& path,
                        absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, kReasonState, message,
                         {{"path", path}}, hint);
}

absl::Status StateErrno(absl::string_view what, const std::string& path) {
  const int error = errno;
  return StateError(absl::StrCat("cannot ", what, " ", path, ": ", strerror(error)), path,
                    "another place: `lockstep dev --state DIR`");
}

absl::Status ProcessError(absl::string_view message, const std::string& program,
                          const std::string& log, absl::string_view hint) {
  return base::MakeError(absl::StatusCode::kInternal, kReasonProcess, message,
                         {{"program", program}, {"log", log}, {"log_tail", TailOf(log)}}, hint);
}

absl::Status Interrupted() {
  return base::MakeError(absl::StatusCode::kCancelled, "INTERRUPTED", "interrupted");
}

}  // namespace lockstep::ctl::dev
