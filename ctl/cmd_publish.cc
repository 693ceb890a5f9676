#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/chain_compare.h"
#include "ctl/check.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/listing.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/publish_plan.h"
#include "ctl/sanitize.h"
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
                                              bool dry_run) {
  v1::PublishChainResponse all;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (dry_run && i > 0) {
      // The next batch continues one that is not published, so it cannot be checked.
      context.console.Say(absl::StrCat("checked the first of ", requests.size(), " batches only"));
      break;
    }
    requests[i].set_validate_only(dry_run);
    context.console.Detail(
        absl::StrCat("sending ", Count(requests[i].migrations_size(), "migration")));
    ASSIGN_OR_RETURN(const v1::PublishChainResponse response,
                     context.client.Call(&v1::ReleaseService::Stub::PublishChain, requests[i]));
    all.set_head(response.head());
    all.set_head_hash(response.head_hash());
    all.mutable_added()->MergeFrom(response.added());
    all.mutable_added_backfills()->MergeFrom(response.added_backfills());
  }
  return all;
}

// Versions that are published and perhaps applied, and that this directory knows nothing of.
absl::Status SayUnknown(Context& context, const std::string& directory, chain::Version head) {
  if (!context.console.talks()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const v1::ListMigrationsResponse list, ListAllMigrations(context.client));
  context.console.Say(absl::StrCat("note: ", Sanitize(UnknownVersions(directory, head, list))));
  return absl::OkStatus();
}

std::string Describe(const v1::PublishChainResponse& response, chain::Version local_head,
                     bool dry_run) {
  std::vector<std::string> parts;
  const std::vector<int32_t> added(response.added().begin(), response.added().end());
  if (!added.empty()) {
    parts.push_back(
        absl::StrCat(Count(response.added_size(), "migration"), " ", VersionRange(added)));
  }
  if (!response.added_backfills().empty()) {
    parts.push_back(absl::StrCat(Count(response.added_backfills_size(), "backfill"), " (",
                                 absl::StrJoin(response.added_backfills(), ", "), ")"));
  }
  std::string text = parts.empty() ? "nothing to publish"
                                   : absl::StrCat(dry_run ? "would publish " : "published ",
                                                  absl::StrJoin(parts, " and "));
  absl::StrAppend(&text, ", head ", response.head());
  if (local_head < response.head()) {
    absl::StrAppend(&text, " (this directory ends at ", local_head, ")");
  }
  return Sanitize(text);
}

}  // namespace

absl::StatusOr<int> RunPublish(Context& context, const Arguments& arguments) {
  const std::string directory = MigrationsDirectory(arguments);
  ASSIGN_OR_RETURN(const chain::Chain local, LoadCheckedChain(directory));
  ASSIGN_OR_RETURN(
      const v1::GetStatusResponse status,
      context.client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
  const v1::ChainStatus& published = status.status().chain();
  ASSIGN_OR_RETURN(const chain::Version first, FindFirst(context.client, local.sum(), published));
  SayNotices(context.console, local);
  const bool dry_run = arguments.Has("--dry-run");
  ASSIGN_OR_RETURN(v1::PublishChainResponse response,
                   Send(context, MakeRequests(local, first, Actor()), dry_run));
  if (response.head() < published.head()) {
    response.set_head(published.head());
    response.set_head_hash(published.head_hash());
  }
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response));
  } else {
    context.console.Data(absl::StrCat(Describe(response, local.head(), dry_run), "\n"));
  }
  if (response.head() > local.head()) RETURN_IF_ERROR(SayUnknown(context, directory, local.head()));
  return kExitDone;
}

}  // namespace lockstep::ctl
