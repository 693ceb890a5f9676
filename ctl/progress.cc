#include "ctl/progress.h"

#include "absl/strings/str_cat.h"

#include "ctl/sanitize.h"

namespace lockstep::ctl {
namespace {
// Carriage return, erase to the end of the line.
constexpr char kWipe[] = "\r\x1b[K";
}  // namespace

void Progress::Show(absl::string_view step, absl::string_view line) {
  if (!console_.talks()) return;
  const std::string clean = Sanitize(line);
  if (console_.options().err_terminal) {
    // One column stays free: some terminals wrap when the last one is written.
    console_.Error(absl::StrCat(kWipe, Truncate(clean, console_.options().err_width - 1)));
    on_screen_ = true;
    return;
  }
  if (!first_ && step == step_) return;
  first_ = false;
  step_ = std::string(step);
  console_.Say(clean);
}

void Progress::Clear() {
  if (on_screen_) console_.Error(kWipe);
  on_screen_ = false;
}

}  // namespace lockstep::ctl
