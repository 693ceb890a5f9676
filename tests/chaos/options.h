// What a run of the suite is asked for.
#ifndef LOCKSTEP_TESTS_CHAOS_OPTIONS_H_
#define LOCKSTEP_TESTS_CHAOS_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep::chaos {

struct Options {
  absl::Duration duration = absl::Minutes(5);
  uint64_t seed = 1;
  int agents = 9;                    // Half of them with a migrator connection.
  std::vector<std::string> faults;   // Kinds; empty: all.
  std::vector<std::string> without;  // Kinds to leave out.
  bool keep = false;                 // The directory, also when all is well.
  double time_scale = 10;            // Of the coordinators' durations.
  bool indexes = true;               // Migrations that run outside a transaction.
  // What never happened is told, and does not make the run red: for short runs, on machines that
  // may be slow.
  bool allow_missing = false;
  bool list = false;  // Print the kinds of faults and leave.
};

// INVALID_ARGUMENT with what is wrong, or with the text of --help.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_OPTIONS_H_
