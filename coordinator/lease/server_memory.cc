#include "coordinator/lease/server_memory.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {
namespace {

std::string WentBack(const char* what, int64_t from, int64_t to) {
  return absl::StrCat(what, " went back from ", from, " to ", to);
}

}  // namespace

std::string ServerMemory::Check(const ServerCounters& now) {
  if (now.incarnation > seen_.incarnation) {
    seen_ = now;
    return "";
  }
  if (now.incarnation < seen_.incarnation) {
    return WentBack("the incarnation", seen_.incarnation, now.incarnation);
  }
  if (now.revision < seen_.revision) {
    return WentBack("the revision", seen_.revision, now.revision);
  }
  if (now.epoch > 0) {
    if (now.epoch < seen_.epoch) return WentBack("the leader's epoch", seen_.epoch, now.epoch);
    if (now.epoch == seen_.epoch && now.renewals < seen_.renewals) {
      return WentBack("the leader's renewals", seen_.renewals, now.renewals);
    }
    seen_.epoch = now.epoch;
    seen_.renewals = now.renewals;
  }
  seen_.revision = now.revision;
  return "";
}

}  // namespace lockstep::coordinator
