// Who is in the way of a contract, in words: what `lockstep blockers` prints, and `lockstep contract`
// before it asks. Pure functions.
#ifndef LOCKSTEP_CTL_BLOCKERS_VIEW_H_
#define LOCKSTEP_CTL_BLOCKERS_VIEW_H_

#include <string>

#include "lockstep/v1/operation.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// The whole picture: what it touches, its barrier, whom it concerns by service and build (worst
// first), connections that no instance answers for, and what to type next. `wide` tells more of
// each. `width` 0: never cut.
std::string ContractText(const v1::ContractState& contract, const Style& style, int width,
                         bool wide);

// "contract 13 drop_legacy_role touches users.legacy_role; it concerns 2 of 31 instances".
std::string ContractSummary(const v1::ContractState& contract);

// What to type next, as a hint; "" when there is nothing.
std::string NextFor(const v1::ContractState& contract);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_BLOCKERS_VIEW_H_
