// Colour, for emphasis only: whatever a colour says is also said in words, so that `--color never`,
// NO_COLOR, a log file and a colour-blind reader lose nothing.
#ifndef LOCKSTEP_CTL_STYLE_H_
#define LOCKSTEP_CTL_STYLE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::ctl {

enum class Tone { kPlain, kGood, kWarning, kBad, kFaint, kStrong };

class Style {
 public:
  explicit Style(bool color = false) : color_(color) {}

  // Returns `text` between the escape sequences of `tone`; unchanged without colour. `text` must be
  // sanitized.
  std::string Paint(Tone tone, absl::string_view text) const;
  bool color() const { return color_; }

 private:
  bool color_;
};

enum class ColorMode { kAuto, kAlways, kNever };

// Decides about colour: --color always and never win; auto means a terminal that is not dumb, and
// no NO_COLOR (https://no-color.org: set and not empty). Null pointers mean "not set".
bool WantsColor(ColorMode mode, bool is_terminal, const char* no_color, const char* term);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_STYLE_H_
