#include "ctl/screen.h"

#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::ctl {
namespace {

constexpr char kClear[] = "\x1b[2J";
constexpr char kHome[] = "\x1b[H";
constexpr char kEraseLine[] = "\x1b[K";
constexpr char kEraseBelow[] = "\x1b[J";

bool CanRedraw(const Console& console) {
  const char* const term = std::getenv("TERM");
  return console.options().out_width > 0 && term != nullptr && absl::string_view(term) != "dumb";
}

// Asked for each time: windows change their size. 0 when the terminal does not say.
int Rows() {
  winsize size = {};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

}  // namespace

std::string Redraw(absl::string_view text, int rows, bool first) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  // The cursor's own line stays free, else the terminal would scroll.
  const size_t room = rows > 2 ? static_cast<size_t>(rows) - 1 : lines.size();
  if (lines.size() > room) {
    const size_t hidden = lines.size() - room + 1;
    lines.resize(room - 1);
    lines.push_back(absl::StrCat("… ", hidden, " more lines"));
  }
  std::string picture = absl::StrCat(first ? kClear : "", kHome);
  for (const std::string& line : lines) absl::StrAppend(&picture, line, kEraseLine, "\n");
  return absl::StrCat(picture, kEraseBelow);
}

Screen::Screen(Console& console) : console_(console), redraws_(CanRedraw(console)) {}

bool Screen::Show(absl::string_view text) {
  if (redraws_) {
    console_.Data(Redraw(text, Rows(), first_));
  } else {
    console_.Data(absl::StrCat(first_ ? "" : "\n", text));
  }
  first_ = false;
  return console_.Flush();
}

}  // namespace lockstep::ctl
