// How far something is, on standard error: one line that is written over on a terminal, a plain
// line for each new step elsewhere (a log keeps what happened and is not filled by a clock).
//
//   Progress progress(console);
//   progress.Show("3", "running 3 add_collaboration  statement 4/12  2.1 s");
//   progress.Clear();  // before anything else is written; the destructor does it too
#ifndef LOCKSTEP_CTL_PROGRESS_H_
#define LOCKSTEP_CTL_PROGRESS_H_

#include <string>

#include "absl/strings/string_view.h"

#include "ctl/console.h"

namespace lockstep::ctl {

// Not thread-safe.
class Progress {
 public:
  // `console` must outlive this.
  explicit Progress(Console& console) : console_(console) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows `line` (sanitized here). Without a terminal it is written only when `step` differs from
  // the last one.
  void Show(absl::string_view step, absl::string_view line);

  // Takes the line from the terminal.
  void Clear();

 private:
  Console& console_;
  std::string step_;
  bool first_ = true;
  bool on_screen_ = false;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_PROGRESS_H_
