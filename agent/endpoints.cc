#include "agent/endpoints.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "engine/base/error_info.h"

namespace lockstep::agent {
namespace {

bool IsAddress(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "unix:")) return !address.empty();
  const size_t colon = address.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port <= 65535;
}

absl::Status BadAddress(absl::string_view message) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS", message, {},
                         "write HOST:PORT, e.g. 127.0.0.1:7411, or unix:PATH");
}

}  // namespace

absl::Status CheckAddresses(const std::vector<std::string>& addresses) {
  if (addresses.empty()) return BadAddress("no coordinator address given");
  if (addresses.size() > kMaxAddresses) {
    return BadAddress(absl::StrCat("more than ", kMaxAddresses, " coordinator addresses"));
  }
  for (const std::string& address : addresses) {
    if (!IsAddress(address)) {
      return BadAddress(absl::StrCat("\"", address, "\" is not a coordinator address"));
    }
  }
  return absl::OkStatus();
}

std::string Endpoints::Next() {
  if (followed_.has_value()) return *std::exchange(followed_, std::nullopt);
  return addresses_[current_];
}

void Endpoints::Failed() {
  // A redirection that led nowhere says nothing about the address that gave it, but trying that one
  // again would most likely repeat it.
  current_ = (current_ + 1) % addresses_.size();
}

bool Endpoints::Follow(const std::string& address) {
  if (!IsAddress(address) || hops_ >= kMaxHops) return false;
  ++hops_;
  const auto known = std::find(addresses_.begin(), addresses_.end(), address);
  if (known != addresses_.end()) {
    current_ = static_cast<size_t>(known - addresses_.begin());
  } else {
    followed_ = address;
  }
  return true;
}

}  // namespace lockstep::agent
