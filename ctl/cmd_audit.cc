// What people decided, and whether the record of it is whole.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/admin.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/decision_listing.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr int64_t kDefaultLimit = 100;
constexpr int64_t kPage = 1000;
constexpr size_t kHashBytes = 32;

absl::Status Broken(const v1::VerifyAuditResponse& verdict) {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, "AUDIT_BROKEN",
      absl::StrCat("the audit is not what was written: record ", verdict.broken_at(), ": ",
                   verdict.why()),
      {{"record", absl::StrCat(verdict.broken_at())}, {"why", verdict.why()}},
      "compare it with a backup; whoever owns schema lockstep can have changed it");
}

}  // namespace

absl::StatusOr<int> RunAuditList(Context& context, const Arguments& arguments) {
  const int64_t limit = arguments.Count("--limit").value_or(kDefaultLimit);
  if (limit < 1) return UsageError("--limit is 1 or more");
  v1::ListAuditEventsResponse all;
  v1::ListAuditEventsRequest request;
  do {
    request.set_page_size(static_cast<int32_t>(std::min(limit - all.events_size(), kPage)));
    ASSIGN_OR_RETURN(v1::ListAuditEventsResponse page,
                     context.client.Call(&v1::AdminService::Stub::ListAuditEvents, request));
    all.mutable_events()->MergeFrom(page.events());
    all.set_next_page_token(page.events().empty() ? "" : page.next_page_token());
    request.set_page_token(all.next_page_token());
  } while (!all.next_page_token().empty() && all.events_size() < limit);
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, all));
    return kExitDone;
  }
  if (all.events().empty()) {
    context.console.Say("nobody has decided anything yet");
    return kExitDone;
  }
  context.console.Data(
      AuditTable(all, context.console.out_style(), context.console.options().out_width));
  if (!all.next_page_token().empty()) {
    context.console.Say(absl::StrCat("older ones than these ", all.events_size(),
                                     " are left out; --limit shows more"));
  }
  return kExitDone;
}

absl::StatusOr<int> RunAuditVerify(Context& context, const Arguments& arguments) {
  v1::VerifyAuditRequest request;
  if (arguments.Has("--expect")) {
    const std::string hex = arguments.Text("--expect");
    const bool is_hash = hex.size() == 2 * kHashBytes &&
                         std::all_of(hex.begin(), hex.end(),
                                     [](unsigned char c) { return absl::ascii_isxdigit(c); });
    if (!is_hash) return UsageError("--expect takes the 64 hexadecimal digits of a hash");
    request.set_expected_hash(absl::HexStringToBytes(hex));
  }
  ASSIGN_OR_RETURN(const v1::VerifyAuditResponse verdict,
                   context.client.Call(&v1::AdminService::Stub::VerifyAudit, request));
  if (!verdict.why().empty()) return Broken(verdict);
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, verdict));
    return kExitDone;
  }
  context.console.Data(absl::StrCat(Count(verdict.records(), "record"), ", unbroken",
                                    verdict.last_hash().empty() ? "" : "; the newest is ",
                                    absl::BytesToHexString(verdict.last_hash()), "\n"));
  return kExitDone;
}

}  // namespace lockstep::ctl
