#include "ctl/console.h"

#include <cstdlib>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"

#include "ctl/arguments.h"

namespace lockstep::ctl {
namespace {
constexpr int kDefaultWidth = 80;
constexpr int kWidest = 10'000;  // A nonsensical COLUMNS is not worth its padding.
}  // namespace

int TerminalWidth(int fd, const char* columns) {
  int width = 0;
  if (columns != nullptr && absl::SimpleAtoi(columns, &width) && width > 0 && width <= kWidest) {
    return width;
  }
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultWidth;
}

Console::Console(ConsoleOptions options)
    : options_(options), out_style_(options.out_color), err_style_(options.err_color) {}

Console Console::Detect(const GlobalFlags& flags) {
  const bool out_terminal = isatty(STDOUT_FILENO) == 1;
  const bool err_terminal = isatty(STDERR_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const char* columns = std::getenv("COLUMNS");
  return Console({
      .out = &std::cout,
      .err = &std::cerr,
      .out_color = WantsColor(flags.color, out_terminal, no_color, term),
      .err_color = WantsColor(flags.color, err_terminal, no_color, term),
      .out_width = out_terminal ? TerminalWidth(STDOUT_FILENO, columns) : 0,
      .err_terminal = err_terminal && term != nullptr && absl::string_view(term) != "dumb",
      .err_width = TerminalWidth(STDERR_FILENO, columns),
      .can_ask = isatty(STDIN_FILENO) == 1 && err_terminal && !flags.no_input && !flags.json,
      .json = flags.json,
      .json_lines = flags.json_lines,
      .quiet = flags.quiet,
      .verbose = flags.verbose,
  });
}

void Console::Data(absl::string_view text) {
  options_.out->write(text.data(), static_cast<std::streamsize>(text.size()));
}

void Console::Say(absl::string_view line) {
  if (!talks()) return;
  Error(line);
  Error("\n");
}

void Console::Detail(absl::string_view line) {
  if (options_.verbose) Say(line);
}

void Console::Error(absl::string_view text) {
  options_.err->write(text.data(), static_cast<std::streamsize>(text.size()));
  options_.err->flush();
}

bool Console::Flush() {
  options_.out->flush();
  return options_.out->good();
}

}  // namespace lockstep::ctl
