#include "agent/application_name.h"

#include "absl/strings/str_cat.h"

namespace lockstep::agent {
namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMarkDigits = 8;

// One "?" a character, not a byte.
std::string Printable(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) continue;  // Goes on with a character.
    out.push_back(byte >= 0x20 && byte < 0x7F ? c : '?');
  }
  return out;
}

}  // namespace

std::string ApplicationName(absl::string_view service, absl::string_view instance,
                            absl::string_view session_id) {
  const std::string name = Printable(absl::StrCat(service, "@", instance));
  return absl::StrCat(name.substr(0, kMaxName - kMarkDigits - 1), "#",
                      session_id.substr(0, kMarkDigits));
}

}  // namespace lockstep::agent
