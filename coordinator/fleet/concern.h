// Why a contract concerns a build, for a person.
#ifndef LOCKSTEP_COORDINATOR_FLEET_CONCERN_H_
#define LOCKSTEP_COORDINATOR_FLEET_CONCERN_H_

#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// Overlaps that are told at most.
inline constexpr size_t kMaxOverlaps = 10;

struct Concern {
  Version contract = 0;
  // What the build uses of what the contract touches, the narrower of the two names each, in order;
  // empty where one of the two is not known.
  std::vector<std::string> overlaps;
  std::string why;  // "it is adapted to 12 and uses users.email".
};

// Absent when the contract does not concern the build. Pure.
std::optional<Concern> ConcernOf(Version contract,
                                 const std::optional<std::vector<std::string>>& touches,
                                 const Declaration& declaration);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_CONCERN_H_
