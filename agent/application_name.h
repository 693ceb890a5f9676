// What a service's connections to the database call themselves, so that a coordinator that does not
// hear the instance can see that it lives.
#ifndef LOCKSTEP_AGENT_APPLICATION_NAME_H_
#define LOCKSTEP_AGENT_APPLICATION_NAME_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::agent {

// "service@instance#1b2c3d4e", the last part from the session's id: two starts of one instance are
// told apart. As PostgreSQL keeps it: printable ASCII, other characters as "?", at most 63 bytes;
// the part before "#" is cut where it has to be. The coordinator computes the same
// (coordinator/store/session_end_store.cc).
std::string ApplicationName(absl::string_view service, absl::string_view instance,
                            absl::string_view session_id);

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_APPLICATION_NAME_H_
