// The part of `lockstep doctor` that asks a coordinator.
#ifndef LOCKSTEP_CTL_DOCTOR_COORDINATOR_H_
#define LOCKSTEP_CTL_DOCTOR_COORDINATOR_H_

#include "ctl/client.h"
#include "ctl/doctor.h"

namespace lockstep::ctl {

// Adds what it finds. A coordinator that cannot be reached is a problem when `required`, else a
// warning. Blocks on one call.
void CheckCoordinator(Client& client, bool required, Diagnosis* diagnosis);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DOCTOR_COORDINATOR_H_
