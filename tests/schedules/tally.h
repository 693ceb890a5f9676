// What happened in the schedules that were played.
#ifndef LOCKSTEP_TESTS_SCHEDULES_TALLY_H_
#define LOCKSTEP_TESTS_SCHEDULES_TALLY_H_

#include <array>
#include <string>
#include <vector>

#include "tests/schedules/story.h"

namespace lockstep::testing {

struct Tally {
  int schedules = 0;
  int migrations = 0;
  int runs = 0;        // Holders that were started.
  int with_fault = 0;  // Schedules in which at least one fault happened.
  // Schedules in which the database refused a holder whose lease was gone, while others were at the
  // same run; those that tried again when all was done are not counted.
  int with_fenced = 0;
  int with_revoked = 0;  // Schedules in which a run was taken back.
  std::array<std::array<int, kPoints>, kFaults> faults{};
  int refused = 0;        // Holders that the database refused as fenced.
  int twins_refused = 0;  // Second holders of a token that found its work done or its lease gone.
  int doubt_committed = 0;
  int doubt_not_applied = 0;
  int unknown = 0;  // Holders that never learnt what became of their COMMIT.
  int deposed_refused = 0;

  int Total(Fault fault) const;
  int Total(Point point) const;
};

// A table for people.
std::string Report(const Tally& tally);

// What makes a run of many schedules worthless although nothing was violated: a fault or a point
// that never happened, a schedule without a fault, fewer than 5 % with a fenced holder. Empty when
// it is fine; a run of few schedules is told about nothing but the second.
std::vector<std::string> Shortcomings(const Tally& tally);
inline constexpr int kEnoughSchedules = 200;

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_TALLY_H_
