// Reads the events of a database in their order and says what cannot be.
//
// Events are written in the transaction of the change, under the chain row, so their order is that
// of the commits. Beside each one a trigger of the suite keeps which login wrote it, and who led at
// that moment: an election writes its event only when nobody else has the chain's row, so events
// alone do not tell.
#ifndef LOCKSTEP_TESTS_CHAOS_REPLAY_H_
#define LOCKSTEP_TESTS_CHAOS_REPLAY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lockstep::chaos {

struct Event {
  int64_t revision = 0;
  std::string kind;
  int version = 0;
  int64_t lease_epoch = 0;  // 0: it tells none.
  std::string author;       // The login.
  std::string leader;       // The login of the coordinator whose row it was; empty: not known.
  int64_t leader_epoch = 0;
  int64_t concerned = -1;  // Of a contract that is applied: how many sessions it concerned then.
  bool operator==(const Event&) const = default;
};

struct Finding {
  std::string invariant;
  std::string text;
};

// A value: copied to go back to an earlier state.
class Replay {
 public:
  // I3: nothing is applied under a lease that is not the newest, or that was revoked. I5: nothing
  // is written by a coordinator but by the one that leads, nor after a newer epoch has begun. I6:
  // leases count upwards. I9: no
  // contract is applied while it concerns a session. Also: revisions have no gaps.
  std::vector<Finding> Add(const Event& event);

  int64_t revision() const { return revision_; }
  int leader_changes() const { return leader_changes_; }

 private:
  int64_t revision_ = 0;
  int leader_changes_ = 0;
  int64_t leader_epoch_ = 0;
  int64_t granted_ = 0;
  bool revoked_ = false;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_REPLAY_H_
