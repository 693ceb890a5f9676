// exceptions.txt: where the analysis may say more than was observed, or say nothing, and why.
//
//   FORM RELATION WHAT: reason
//
// FORM and RELATION may end in `*`; FORM@13-14 is for these major versions alone. WHAT is
//   lock, rewrite, scan   more is claimed of RELATION than happened
//   opaque                lockstep says that it does not know what the statement does; RELATION is
//   * refusal               the server refuses the statement, and no finding says so; RELATION is *
#ifndef LOCKSTEP_TESTS_TRUTH_EXCEPTIONS_H_
#define LOCKSTEP_TESTS_TRUTH_EXCEPTIONS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::truth {

class Exceptions {
 public:
  explicit Exceptions(int major);  // Reads the lines for this version of the server.

  // Whether it is listed; remembers that the line was of use.
  bool Allows(absl::string_view form, absl::string_view relation, absl::string_view what);
  // Lines that nobody needed.
  std::vector<std::string> Unused() const;

 private:
  struct Line {
    std::string form, relation, what, text;
    bool used = false;
  };
  std::vector<Line> lines_;
};

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_EXCEPTIONS_H_
