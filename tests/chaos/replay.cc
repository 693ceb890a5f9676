#include "tests/chaos/replay.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/chaos/roles.h"

namespace lockstep::chaos {

std::vector<Finding> Replay::Add(const Event& event) {
  std::vector<Finding> findings;
  const std::string what = absl::StrCat("event ", event.revision, " ", event.kind, " version ",
                                        event.version, " by ", event.author);
  if (revision_ != 0 && event.revision != revision_ + 1) {
    findings.push_back({"events", absl::StrCat(what, " follows ", revision_)});
  }
  revision_ = event.revision;
  if (event.leader_epoch < leader_epoch_) {
    findings.push_back({"I5", absl::StrCat(what, " under leader epoch ", event.leader_epoch,
                                           " after ", leader_epoch_)});
  }
  if (event.leader_epoch > leader_epoch_) {
    leader_epoch_ = event.leader_epoch;
    ++leader_changes_;
  }
  if (absl::StartsWith(event.author, kCoordinatorRolePrefix) && !event.leader.empty() &&
      event.author != event.leader) {
    findings.push_back({"I5", absl::StrCat(what, ", but ", event.leader, " leads")});
  }
  if (event.kind == "run_granted") {
    if (event.lease_epoch <= granted_) {
      findings.push_back(
          {"I6", absl::StrCat(what, ": lease ", event.lease_epoch, " after ", granted_)});
    }
    granted_ = event.lease_epoch;
    revoked_ = false;
  }
  if (event.kind == "run_revoked" && event.lease_epoch == granted_) revoked_ = true;
  if (event.kind == "applied" || event.kind == "adopted") {
    if (event.lease_epoch != granted_ || revoked_) {
      findings.push_back(
          {"I3", absl::StrCat(what, " under lease ", event.lease_epoch, ", newest is ", granted_,
                              revoked_ ? ", revoked" : "")});
    }
    if (event.concerned > 0) {
      findings.push_back({"I9", absl::StrCat(what, " concerned ", event.concerned, " sessions")});
    }
  }
  return findings;
}

}  // namespace lockstep::chaos
