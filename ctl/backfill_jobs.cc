#include "ctl/backfill_jobs.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "ctl/backfill_view.h"
#include "ctl/direct_run.h"
#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

// A job that ended badly is this command's failure.
absl::Status OutcomeOfJob(const v1::Backfill& backfill) {
  if (backfill.state() == "done") return absl::OkStatus();
  std::string hint = backfill.hint();
  if (backfill.rows_left() > 0) hint = absl::StrCat("look at them: ", backfill.look());
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "BACKFILL_FAILED",
                         absl::StrCat("backfill ", backfill.name(), " ", backfill.state(),
                                      backfill.error().empty() ? "" : ": ", backfill.error()),
                         {{"name", backfill.name()}, {"left_sample", backfill.left_sample()}},
                         std::move(hint));
}

}  // namespace

void ShowJob(Progress& progress, const v1::Backfill& backfill) {
  if (HasEnded(backfill)) return;
  progress.Show(BackfillStep(backfill),
                absl::StrCat(backfill.name(), "  ", BackfillProgress(backfill)));
}

absl::StatusOr<int> PrintJobEnd(Context& context, const v1::Backfill& backfill) {
  if (context.flags.json) RETURN_IF_ERROR(PrintJson(context.console, backfill));
  RETURN_IF_ERROR(OutcomeOfJob(backfill));
  if (!context.flags.json) {
    context.console.Data(absl::StrCat("backfill ", Sanitize(backfill.name()),
                                      " is done: ", backfill.rows_done(), " rows in ",
                                      backfill.batches(), " batches\n"));
  }
  return kExitDone;
}

absl::StatusOr<int> RunDirectBackfill(Context& context, const Arguments& arguments,
                                      const v1::StartBackfillRequest& request) {
  ASSIGN_OR_RETURN(const chain::Chain local, LoadCheckedChain(MigrationsDirectory(arguments)));
  ASSIGN_OR_RETURN(const std::unique_ptr<Direct> direct, OpenDirect(context, arguments));
  RETURN_IF_ERROR(PublishDirect(context, *direct, local, v1::LINT_MODE_UNSPECIFIED));
  ASSIGN_OR_RETURN(const v1::StartBackfillResponse response, direct->StartBackfill(request));
  if (response.outcome() == "done") {
    context.console.Say("it is finished; `--again` walks all of it once more");
    return PrintJobEnd(context, response.backfill());
  }
  Progress progress(context.console);
  ASSIGN_OR_RETURN(const v1::Backfill ended,
                   direct->FollowBackfill(request.name(), request.actor(),
                                          [&](const v1::Backfill& now, absl::Duration pause) {
                                            ShowJob(progress, now);
                                            return RestDirect(context, pause);
                                          }));
  progress.Clear();
  return PrintJobEnd(context, ended);
}

}  // namespace lockstep::ctl
