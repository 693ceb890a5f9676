// A picture that is shown again whenever it changes: drawn over the last one on a terminal, else
// one block after another with an empty line between them, so that a log keeps what happened.
#ifndef LOCKSTEP_CTL_SCREEN_H_
#define LOCKSTEP_CTL_SCREEN_H_

#include <string>

#include "absl/strings/string_view.h"

#include "ctl/console.h"

namespace lockstep::ctl {

// What moves a terminal's picture from the one before to `text`, cut to `rows` lines (0: not cut,
// else the last one says how many are left out). `text` is sanitized and ends its lines.
std::string Redraw(absl::string_view text, int rows, bool first);

// Not thread-safe.
class Screen {
 public:
  // `console` must outlive this.
  explicit Screen(Console& console);

  // False when standard output is gone.
  bool Show(absl::string_view text);

 private:
  Console& console_;
  const bool redraws_;
  bool first_ = true;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SCREEN_H_
