#include "tests/chaos/replay.h"

#include <array>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lockstep::chaos {
namespace {

// What only a leader writes.
constexpr std::array<absl::string_view, 9> kLeaderKinds = {
    "run_granted",       "run_revoked",     "run_failed",           "published",       "judged",
    "operation_started", "operation_ended", "operation_cancelling", "operation_paused"};

}  // namespace

std::vector<Finding> Replay::Add(const Event& event) {
  std::vector<Finding> findings;
  const std::string what = absl::StrCat("event ", event.revision, " ", event.kind, " version ",
                                        event.version, " by ", event.author);
  if (revision_ != 0 && event.revision != revision_ + 1) {
    findings.push_back({"events", absl::StrCat(what, " follows ", revision_)});
  }
  revision_ = event.revision;
  if (event.kind == "leader_elected") {
    leader_ = event.author;
    ++leader_changes_;
  }
  if (absl::c_linear_search(kLeaderKinds, event.kind) && !leader_.empty() &&
      event.author != leader_) {
    findings.push_back({"I5", absl::StrCat(what, ", but ", leader_, " leads")});
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
