#include "engine/apply/lease.h"

#include "absl/strings/str_cat.h"

#include "engine/base/digest.h"

namespace lockstep::apply {
namespace {
constexpr size_t kShownDigits = 8;
}  // namespace

std::string ApplicationNameOf(const LeaseToken& token) {
  return absl::StrCat("lockstep:",
                      base::ToHex(base::Sha256Of(token.lease_id)).substr(0, kShownDigits));
}

}  // namespace lockstep::apply
