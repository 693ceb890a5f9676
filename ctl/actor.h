// Who asks, for the record. A courtesy, not an identity: anybody may claim any name here.
#ifndef LOCKSTEP_CTL_ACTOR_H_
#define LOCKSTEP_CTL_ACTOR_H_

#include <string>

namespace lockstep::ctl {

// "user@host" of this process.
std::string Actor();

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_ACTOR_H_
