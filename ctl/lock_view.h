// Who is in the way of a migration's lock, for people. What comes back is not sanitized yet.
#ifndef LOCKSTEP_CTL_LOCK_VIEW_H_
#define LOCKSTEP_CTL_LOCK_VIEW_H_

#include <string>

#include "lockstep/v1/agent.pb.h"

#include "engine/base/error_info.h"

namespace lockstep::ctl {

// "public.users is locked by pid 4711, orders@pod-3, idle in transaction for 12s: UPDATE accounts".
std::string LockWaitText(const v1::LockWait& wait);

// The same of one session, as an error lists it.
base::Blocker BlockerOf(const v1::LockBlocker& blocker);

// Who it is, without what the clock alone changes.
std::string InTheWay(const v1::LockWait& wait);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LOCK_VIEW_H_
