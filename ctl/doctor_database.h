// The part of `lockstep doctor` that connects to the database, as an agent would.
#ifndef LOCKSTEP_CTL_DOCTOR_DATABASE_H_
#define LOCKSTEP_CTL_DOCTOR_DATABASE_H_

#include <string>

#include "ctl/doctor.h"

namespace lockstep::ctl {

// Adds what it finds. `owner_role` may be empty: then the stored one, where this role may read it.
// Changes nothing in the database; repeats nothing of a password. Blocks on a dozen short queries.
void CheckDatabase(const std::string& conninfo, const std::string& owner_role,
                   Diagnosis* diagnosis);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DOCTOR_DATABASE_H_
