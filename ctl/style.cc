#include "ctl/style.h"

#include "absl/strings/str_cat.h"

namespace lockstep::ctl {
namespace {

// The eight basic colours only: they follow the terminal's own theme.
const char* CodeOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kStrong:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::string Style::Paint(Tone tone, absl::string_view text) const {
  if (!color_ || tone == Tone::kPlain || text.empty()) return std::string(text);
  return absl::StrCat(CodeOf(tone), text, "\x1b[0m");
}

bool WantsColor(ColorMode mode, bool is_terminal, const char* no_color, const char* term) {
  if (mode == ColorMode::kAlways) return true;
  if (mode == ColorMode::kNever || !is_terminal) return false;
  if (no_color != nullptr && *no_color != '\0') return false;
  return term != nullptr && absl::string_view(term) != "dumb";
}

}  // namespace lockstep::ctl
