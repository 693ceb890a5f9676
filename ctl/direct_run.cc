#include "ctl/direct_run.h"

#include <algorithm>
#include <array>
#include <string>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "ctl/actor.h"
#include "ctl/database_flag.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

constexpr std::array kDirectFlags = {"--database",   "--database-file", "--migrate-database",
                                     "--migrations", "--owner-role",    "--search-path"};

}  // namespace

absl::Status CheckDirectFlags(const Arguments& arguments) {
  if (arguments.Has("--direct")) return absl::OkStatus();
  for (const char* const flag : kDirectFlags) {
    if (arguments.Has(flag)) {
      return UsageError(absl::StrCat(flag, " goes with --direct: a coordinator has its own"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Direct>> OpenDirect(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(std::string database, RequireDatabase(arguments));
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  Progress progress(context.console);
  return Direct::Open({.database = std::move(database),
                       .migrate_database = arguments.Text("--migrate-database"),
                       .owner_role = arguments.Text("--owner-role"),
                       .search_path = arguments.Text("--search-path"),
                       .identity = absl::StrCat(host, "/", getpid())},
                      [&](const std::string& why, absl::Duration pause) {
                        progress.Show(why, absl::StrCat("waiting: ", why));
                        return RestDirect(context, pause);
                      });
}

absl::Status PublishDirect(Context& context, Direct& direct, const chain::Chain& local,
                           v1::LintMode lint) {
  ASSIGN_OR_RETURN(v1::PublishChainResponse published, direct.Publish(local, Actor(), lint));
  AddBackfillFindings(local, &published);
  SayFindings(context.console, published.findings());
  if (!published.added().empty()) {
    context.console.Say(
        absl::StrCat("published ", Count(published.added_size(), "migration"), " ",
                     VersionRange({published.added().begin(), published.added().end()})));
  }
  if (published.head() > local.head()) {
    context.console.Say(absl::StrCat("note: the database knows versions up to ", published.head(),
                                     ", this directory ends at ", local.head()));
  }
  return absl::OkStatus();
}

absl::Status RestDirect(Context& context, absl::Duration pause) {
  const absl::Duration left = context.client.deadline() - absl::Now();
  context.interrupt.SleepFor(std::max(absl::ZeroDuration(), std::min(pause, left)));
  RETURN_IF_ERROR(context.interrupt.ToStatus());
  if (absl::Now() >= context.client.deadline()) return context.client.TimeoutError();
  return absl::OkStatus();
}

}  // namespace lockstep::ctl
