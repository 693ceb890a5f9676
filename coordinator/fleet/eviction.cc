#include "coordinator/fleet/eviction.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// Why a session stays; "" when it can be evicted.
std::string WhyNot(const Member& member) {
  if (member.connected) return "is connected";
  if (member.reserved) return "is a reservation, which ends when its time is over";
  if (!member.admitted || member.gone) return "does not count and holds nothing back";
  return "";
}

absl::Status NotFound(const EvictRequest& request) {
  return base::MakeError(
      absl::StatusCode::kNotFound, "INSTANCE_NOT_FOUND",
      absl::StrCat("no instance ", request.instance, " of ", request.service, " is registered"),
      {{"service", request.service}, {"instance", request.instance}}, "`lockstep instances`");
}

absl::Status NothingToEvict(const EvictRequest& request, std::vector<base::Blocker> blockers) {
  const std::string name = absl::StrCat(request.service, "@", request.instance);
  base::ErrorInfo info{.reason = "BLOCKED",
                       .metadata = {{"service", request.service}, {"instance", request.instance}},
                       .hint = "an instance that is connected ends by itself: stop its process",
                       .blockers = std::move(blockers)};
  const std::string why = info.blockers.front().description;
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(name, " cannot be evicted: it ", why), std::move(info));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> Evict(Fleet& fleet, const LeaderToken& leader,
                                               const EvictRequest& request) {
  std::vector<std::string> ids;
  std::vector<base::Blocker> blockers;
  for (const Member& member : fleet.Members()) {
    const Declaration& d = member.declaration;
    const bool named = d.instance == request.instance || d.session_id == request.instance;
    if (d.service != request.service || !named) continue;
    const std::string why = WhyNot(member);
    if (why.empty()) {
      ids.push_back(d.session_id);
    } else {
      blockers.push_back({"session", d.session_id, why});
    }
  }
  if (ids.empty() && blockers.empty()) return NotFound(request);
  if (ids.empty()) return NothingToEvict(request, std::move(blockers));
  if (!request.expected.empty() &&
      std::set<std::string>(ids.begin(), ids.end()) != request.expected) {
    return base::MakeError(
        absl::StatusCode::kAborted, "ETAG_MISMATCH",
        absl::StrCat("the sessions of ", request.instance, " are no longer those that were shown"),
        {{"service", request.service}, {"instance", request.instance}},
        "look again: run the same command");
  }
  if (request.validate_only) return ids;
  for (const std::string& id : ids) {
    RETURN_IF_ERROR(fleet.Attest(leader, id, request.attestation));
  }
  return ids;
}

}  // namespace lockstep::coordinator
