// A look around before a migration asks for its locks. A transaction that has been open for a while
// and holds one of them will hardly end within the lock timeout; to ask all the same would make
// everybody queue behind the request. So it is given a moment to end first, while nobody waits.
//
// Only a moment: where such transactions follow each other without a gap, asking is the only way.
//
// Not guaranteed: that the locks are free afterwards.
#ifndef LOCKSTEP_ENGINE_APPLY_LOCK_LOOK_H_
#define LOCKSTEP_ENGINE_APPLY_LOCK_LOOK_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"

#include "engine/apply/cancellation.h"
#include "engine/chain/migration.h"
#include "engine/postgres/lock_wait.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

class LockLook {
 public:
  // Younger transactions are left to the lock timeout.
  static constexpr absl::Duration kOld = absl::Seconds(2);
  static constexpr absl::Duration kPatience = absl::Seconds(2);
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  // Whether a look can find anything now: no while it is known that no transaction is old enough.
  bool IsDue() const;

  // Waits, kPatience at most, while an old transaction holds a lock in the way of `migration`, and
  // tells `on_wait` who it is. `session` must be idle and reset; afterwards it has a search_path
  // of its own, until the next reset. What cannot be looked at is not waited for.
  void WaitForOldHolders(
      postgres::ScriptSession& session, const chain::Migration& migration,
      const std::string& search_path, const Cancellation& cancellation,
      const std::function<void(const std::optional<postgres::LockWait>&)>& on_wait);

  // Who holds such a lock now, however young. Absent for nobody, and when that cannot be looked up.
  static std::optional<postgres::LockWait> HoldersNow(postgres::ScriptSession& session,
                                                      const chain::Migration& migration,
                                                      const std::string& search_path);

 private:
  absl::Duration due_ = -absl::InfiniteDuration();
};

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_LOCK_LOOK_H_
