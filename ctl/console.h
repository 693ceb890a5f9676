// Where a command talks to: data goes to standard output, talk (notes, progress, questions, errors)
// to standard error. Tests make one over string streams.
#ifndef LOCKSTEP_CTL_CONSOLE_H_
#define LOCKSTEP_CTL_CONSOLE_H_

#include <ostream>

#include "absl/strings/string_view.h"

#include "ctl/style.h"

namespace lockstep::ctl {

struct GlobalFlags;

struct ConsoleOptions {
  std::ostream* out = nullptr;  // Must outlive the console.
  std::ostream* err = nullptr;  // Must outlive the console.
  bool out_color = false;
  bool err_color = false;
  int out_width = 0;          // Columns; 0 when standard output is no terminal: nothing is cut.
  bool err_terminal = false;  // Progress on one line instead of plain lines.
  int err_width = 80;
  bool can_ask = false;     // A person is there to answer a question.
  bool json = false;        // JSON on standard output, no talk.
  bool json_lines = false;  // One JSON object a line.
  bool quiet = false;
  bool verbose = false;
};

// Not thread-safe: one thread of a command talks.
class Console {
 public:
  explicit Console(ConsoleOptions options);

  // The real one: looks at the terminals, COLUMNS, NO_COLOR and TERM.
  static Console Detect(const GlobalFlags& flags);

  // Writes to standard output as it is; `text` ends its own lines.
  void Data(absl::string_view text);
  // Writes one line to standard error, unless --quiet or JSON was asked for.
  void Say(absl::string_view line);
  // The same, with --verbose only.
  void Detail(absl::string_view line);
  // Writes to standard error whatever was asked for.
  void Error(absl::string_view text);

  // True when what was written to standard output has arrived.
  bool Flush();

  bool talks() const { return !options_.quiet && !options_.json; }
  const ConsoleOptions& options() const { return options_; }
  const Style& out_style() const { return out_style_; }
  const Style& err_style() const { return err_style_; }

 private:
  const ConsoleOptions options_;
  const Style out_style_;
  const Style err_style_;
};

// Returns the columns of a terminal: COLUMNS when it is a positive number, else what the terminal
// says, else 80.
int TerminalWidth(int fd, const char* columns);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CONSOLE_H_
