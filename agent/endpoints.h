// Which coordinator to try next: those configured in turn, staying with one that answered, and
// wherever a follower says that the leader is.
#ifndef LOCKSTEP_AGENT_ENDPOINTS_H_
#define LOCKSTEP_AGENT_ENDPOINTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lockstep::agent {

inline constexpr int kMaxAddresses = 64;

// INVALID_ARGUMENT (BAD_ADDRESS) unless there is at least one address and each is "unix:PATH" or
// "HOST:PORT".
absl::Status CheckAddresses(const std::vector<std::string>& addresses);

// Not thread-safe.
class Endpoints {
 public:
  // `addresses` must have passed CheckAddresses.
  explicit Endpoints(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {}

  // The address to dial now: the one followed, once, or the current one.
  std::string Next();

  // The address dialled last did not answer: the turn goes to the next one.
  void Failed();

  // Dials `address` next. Returns false, and changes nothing, for a bad address and after
  // kMaxHops redirections without a Succeeded() between them: two followers may each take the other
  // for the leader.
  static constexpr int kMaxHops = 3;
  bool Follow(const std::string& address);

  // The address dialled last welcomed us.
  void Succeeded() { hops_ = 0; }

 private:
  const std::vector<std::string> addresses_;
  size_t current_ = 0;
  std::optional<std::string> followed_;
  int hops_ = 0;
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_ENDPOINTS_H_
