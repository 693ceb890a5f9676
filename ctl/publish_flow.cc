#include "ctl/publish_flow.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/findings_view.h"
#include "ctl/listing.h"
#include "ctl/output.h"
#include "ctl/publish_plan.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

// Only what is new is sent; when the chains part, what differs is sent, so that the coordinator
// says what is wrong.
absl::StatusOr<chain::Version> FindFirst(Client& client, const chain::ChainSum& local,
                                         const v1::ChainStatus& published) {
  const chain::Version first = FirstToSend(local, published.head(), published.head_hash());
  if (first > 0) return first;
  ASSIGN_OR_RETURN(const v1::ListMigrationsResponse list, ListAllMigrations(client));
  return FirstDifference(local, list);
}

absl::StatusOr<v1::PublishChainResponse> Send(Context& context,
                                              std::vector<v1::PublishChainRequest> requests,
                                              bool dry_run, v1::LintMode lint) {
  v1::PublishChainResponse all;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (dry_run && i > 0) {
      // The next batch continues one that is not published, so it cannot be checked.
      context.console.Say(absl::StrCat("checked the first of ", requests.size(), " batches only"));
      break;
    }
    requests[i].set_validate_only(dry_run);
    requests[i].set_lint(lint);
    context.console.Detail(
        absl::StrCat("sending ", Count(requests[i].migrations_size(), "migration")));
    ASSIGN_OR_RETURN(const v1::PublishChainResponse response,
                     context.client.Call(&v1::ReleaseService::Stub::PublishChain, requests[i]));
    all.set_head(response.head());
    all.set_head_hash(response.head_hash());
    all.mutable_added()->MergeFrom(response.added());
    all.mutable_added_backfills()->MergeFrom(response.added_backfills());
    all.mutable_findings()->MergeFrom(response.findings());
  }
  return all;
}

}  // namespace

absl::StatusOr<v1::PublishChainResponse> Publish(Context& context, const chain::Chain& local,
                                                 bool dry_run, v1::LintMode lint) {
  ASSIGN_OR_RETURN(
      const v1::GetStatusResponse status,
      context.client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
  const v1::ChainStatus& published = status.status().chain();
  ASSIGN_OR_RETURN(const chain::Version first, FindFirst(context.client, local.sum(), published));
  ASSIGN_OR_RETURN(v1::PublishChainResponse response,
                   Send(context, MakeRequests(local, first, Actor()), dry_run, lint));
  if (response.head() < published.head()) {
    response.set_head(published.head());
    response.set_head_hash(published.head_hash());
  }
  AddBackfillFindings(local, &response);
  SayFindings(context.console, response.findings());
  return response;
}

}  // namespace lockstep::ctl
