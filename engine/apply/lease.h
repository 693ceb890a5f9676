// The token of a leased run: the proof, checked by the database in every migration transaction, of
// the exclusive right to apply it.
//
// Not guaranteed: holding a token does not mean that it is current. Only lockstep.open and
// lockstep.close can tell, and they do so inside the transaction that they fence.
#ifndef LOCKSTEP_ENGINE_APPLY_LEASE_H_
#define LOCKSTEP_ENGINE_APPLY_LEASE_H_

#include <cstdint>
#include <string>

namespace lockstep::apply {

// A secret: whoever knows it can commit in the holder's place. It travels as bound parameters only
// and is never logged.
struct LeaseToken {
  int64_t epoch = 0;     // The fencing number; never repeated within an incarnation.
  std::string lease_id;  // A random UUID that only the holder knows.
  bool operator==(const LeaseToken&) const = default;
};

// Names the lease for logs and for pg_stat_activity, which every role can read: "lockstep:" and the
// first 8 hexadecimal digits of the SHA-256 of the lease id.
std::string ApplicationNameOf(const LeaseToken& token);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_LEASE_H_
