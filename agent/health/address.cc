#include "agent/health/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lockstep::health {
namespace {
constexpr int kMaxPort = 65'535;
}  // namespace

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  Address address;
  absl::string_view port = text;
  if (const size_t colon = text.rfind(':'); colon != absl::string_view::npos) {
    absl::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
    address.host = std::string(host);
    if (host.empty() || bracketed != absl::StrContains(host, ':')) port = "";
  }
  const bool digits = std::all_of(port.begin(), port.end(), absl::ascii_isdigit);
  if (port.empty() || !digits || !absl::SimpleAtoi(port, &address.port) ||
      address.port > kMaxPort) {
    return absl::InvalidArgumentError(absl::StrCat("neither PORT nor HOST:PORT: ", text));
  }
  return address;
}

std::string ToText(const Address& address) {
  return absl::StrContains(address.host, ':') ? absl::StrCat("[", address.host, "]:", address.port)
                                              : absl::StrCat(address.host, ":", address.port);
}

}  // namespace lockstep::health
