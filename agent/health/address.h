// Where the agent's program listens for probes.
#ifndef LOCKSTEP_AGENT_HEALTH_ADDRESS_H_
#define LOCKSTEP_AGENT_HEALTH_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::health {

struct Address {
  std::string host = "127.0.0.1";  // An IPv6 address without brackets.
  int port = 0;                    // 0: one that the system picks.

  friend bool operator==(const Address&, const Address&) = default;
};

// Reads PORT (on the loopback interface) or HOST:PORT; an IPv6 address is in brackets.
// INVALID_ARGUMENT for anything else.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// HOST:PORT, with brackets around an IPv6 address.
std::string ToText(const Address& address);

}  // namespace lockstep::health

#endif  // LOCKSTEP_AGENT_HEALTH_ADDRESS_H_
