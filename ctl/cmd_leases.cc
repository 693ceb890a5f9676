#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/fleet_listing.h"
#include "ctl/output.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {
constexpr int64_t kDefaultLimit = 20;
constexpr int64_t kMaxLimit = 500;
}  // namespace

absl::StatusOr<int> RunLeases(Context& context, const Arguments& arguments) {
  const int64_t limit = arguments.Count("--limit").value_or(kDefaultLimit);
  if (limit < 1 || limit > kMaxLimit) {
    return UsageError(absl::StrCat("--limit is 1 to ", kMaxLimit));
  }
  v1::ListLeasesRequest request;
  request.set_page_size(static_cast<int32_t>(limit));
  ASSIGN_OR_RETURN(const v1::ListLeasesResponse list,
                   context.client.Call(&v1::StatusService::Stub::ListLeases, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
    return kExitDone;
  }
  if (list.leases().empty()) {
    context.console.Say("no run was granted yet");
    return kExitDone;
  }
  context.console.Data(
      LeasesTable(list, context.console.out_style(), context.console.options().out_width));
  if (!list.next_page_token().empty()) {
    context.console.Say(absl::StrCat("older ones than these ", list.leases_size(),
                                     " are left out; --limit shows more"));
  }
  return kExitDone;
}

}  // namespace lockstep::ctl
