// The roles of the suite's database.
#ifndef LOCKSTEP_TESTS_CHAOS_ROLES_H_
#define LOCKSTEP_TESTS_CHAOS_ROLES_H_

namespace lockstep::chaos {

inline constexpr char kMigratorRole[] = "chaos_migrator";
inline constexpr char kOwnerRole[] = "chaos_owner";
inline constexpr char kAppRole[] = "chaos_app";
// Each coordinator has one of its own, with its name behind this, so that every write tells whose
// it is.
inline constexpr char kCoordinatorRolePrefix[] = "chaos_coordinator_";

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_ROLES_H_
