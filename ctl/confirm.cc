#include "ctl/confirm.h"

#include <poll.h>
#include <string>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "ctl/errors.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {
namespace {

constexpr size_t kMaxAnswer = 256;

// Reads a line in a way that Ctrl-C ends: signals are blocked, so a plain read would not notice.
std::string ReadAnswer(Interrupt& interrupt) {
  std::string answer;
  while (answer.size() < kMaxAnswer) {
    pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                      {.fd = interrupt.fd(), .events = POLLIN, .revents = 0}};
    if (poll(waits, 2, -1) < 0) continue;
    char byte = 0;
    if (waits[1].revents != 0 || read(STDIN_FILENO, &byte, 1) != 1) break;
    if (byte == '\n') break;
    answer += byte;
  }
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
}

}  // namespace

absl::Status Confirm(Context& context, absl::string_view question) {
  if (!context.console.options().can_ask) return absl::OkStatus();
  context.console.Error(absl::StrCat(question, " [y/N] "));
  const std::string answer = ReadAnswer(context.interrupt);
  if (context.interrupt.raised()) {
    context.console.Error("\n");
    return context.interrupt.ToStatus();
  }
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kCancelled, kReasonNotConfirmed,
                         "not confirmed; nothing was started");
}

}  // namespace lockstep::ctl
