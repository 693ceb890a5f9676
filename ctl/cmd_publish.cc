#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/chain_compare.h"
#include "ctl/check.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/listing.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/publish_flow.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

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
  ASSIGN_OR_RETURN(const v1::LintMode lint, LintModeOf(arguments));
  ASSIGN_OR_RETURN(const chain::Chain local, LoadCheckedChain(directory));
  SayNotices(context.console, local);
  const bool dry_run = arguments.Has("--dry-run");
  ASSIGN_OR_RETURN(const v1::PublishChainResponse response, Publish(context, local, dry_run, lint));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response));
  } else {
    context.console.Data(absl::StrCat(Describe(response, local.head(), dry_run), "\n"));
  }
  if (response.head() > local.head()) RETURN_IF_ERROR(SayUnknown(context, directory, local.head()));
  return kExitDone;
}

}  // namespace lockstep::ctl
