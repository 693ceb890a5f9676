// Failpoints: named places at which a test makes a program die, stop, lose its connection or fail,
// to see that everybody else copes. They are there in builds with the CMake option
// LOCKSTEP_FAILPOINTS only. In all others, and so in what is shipped, the macros are nothing: no
// code, no name, no look at the environment.
//
//   LOCKSTEP_FAILPOINT("leader.before_grant_commit", connection.socket());
//
// Armed by the environment, as name, action, and on which of the process's hits it acts (once; the
// first unless given):
//
//   LOCKSTEP_FAILPOINTS='agent.before_commit=kill@2;leader.before_send=error'
//
//   kill    SIGKILL to the process itself
//   stop    SIGSTOP to the process itself; it goes on when somebody continues it
//   reset   the connection at hand is shut down, which both ends find out by themselves; where none
//           is at hand, what the point guards fails as over a connection that was lost
//   error   what the point guards fails as if the database had refused it for a reason that passes
//           (a serialisation failure)
//
// Whenever one acts, "NAME ACTION PID HIT" is first appended as a line to the file that
// LOCKSTEP_FAILPOINT_LOG names. A program that cannot read LOCKSTEP_FAILPOINTS ends with exit
// code 2 when it comes to its first failpoint. All of it is thread-safe.
//
// Not guaranteed: that the way leads past a point only because it is armed. Read the log.
#ifndef LOCKSTEP_ENGINE_BASE_FAILPOINT_H_
#define LOCKSTEP_ENGINE_BASE_FAILPOINT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "engine/base/failpoint_config.h"

#if LOCKSTEP_FAILPOINTS
#include "engine/base/status_macros.h"

// Returns from the enclosing function when `error` is armed. `socket`: of the connection at hand,
// or base::kNoSocket.
#define LOCKSTEP_FAILPOINT(name, socket) RETURN_IF_ERROR(LOCKSTEP_FAILPOINT_STATUS(name, socket))
// The same as an absl::Status, for functions that return something else.
#define LOCKSTEP_FAILPOINT_STATUS(name, socket) ::lockstep::base::FailpointStatus(name, socket)
// True when the caller has to go on as if it had heard nothing of what it just did: `reset`,
// `error`.
#define LOCKSTEP_FAILPOINT_CUTS(name, socket) ::lockstep::base::FailpointCuts(name, socket)
// True while `name` has still to act; for ways that lead past a point only when they are taken in
// smaller steps than usual.
#define LOCKSTEP_FAILPOINT_ARMED(name) ::lockstep::base::FailpointIsArmed(name)
#else
#define LOCKSTEP_FAILPOINT(name, socket) static_cast<void>(0)
#define LOCKSTEP_FAILPOINT_STATUS(name, socket) ::absl::OkStatus()
#define LOCKSTEP_FAILPOINT_CUTS(name, socket) false
#define LOCKSTEP_FAILPOINT_ARMED(name) false
#endif

namespace lockstep::base {

inline constexpr int kNoSocket = -1;

#if LOCKSTEP_FAILPOINTS
absl::Status FailpointStatus(absl::string_view name, int socket);
bool FailpointCuts(absl::string_view name, int socket);
bool FailpointIsArmed(absl::string_view name);

// Arms these points instead of those of the environment, in the notation above, and counts anew; ""
// disarms all. INVALID_ARGUMENT for what cannot be read. For tests within one process.
absl::Status ArmFailpoints(absl::string_view text);
#endif

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_FAILPOINT_H_
