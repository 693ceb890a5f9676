// The verbs of backfills.
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/backfill_jobs.h"
#include "ctl/backfill_view.h"
#include "ctl/commands.h"
#include "ctl/database_flag.h"
#include "ctl/direct/offline_backfills.h"
#include "ctl/direct_run.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/sanitize.h"
#include "ctl/watch.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

using nlohmann::json;

// What --rate and its kin ask for; "" for nothing.
std::string SettingsOf(const Arguments& arguments) {
  json settings = json::object();
  const auto add = [&](const char* flag, const char* name) {
    if (const auto value = arguments.Count(flag); value.has_value()) settings[name] = *value;
  };
  add("--rate", "rate");
  add("--batch", "batch");
  add("--max-lag-ms", "max_lag_ms");
  add("--max-active", "max_active");
  add("--max-transaction", "max_transaction_s");
  if (arguments.Has("--window")) settings["window"] = arguments.Text("--window");
  if (arguments.Has("--ignore")) settings["ignore"] = arguments.Texts("--ignore");
  return settings.empty() ? "" : settings.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<int> Print(Context& context, const v1::Backfill& backfill, absl::string_view line) {
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, backfill));
  } else {
    context.console.Data(absl::StrCat(Sanitize(line), "\n"));
  }
  return kExitDone;
}

absl::StatusOr<int> FollowJob(Context& context, const std::string& name) {
  Progress progress(context.console);
  v1::Backfill last;
  WatchHooks<v1::WatchStatusResponse> hooks;
  hooks.on_event = [&](const v1::WatchStatusResponse& event) {
    for (const v1::Backfill& backfill : event.status().backfills()) {
      if (backfill.name() == name) last = backfill;
    }
    ShowJob(progress, last);
    return HasEnded(last);
  };
  hooks.on_outage = [&](const absl::Status& outage) {
    progress.Show("outage", absl::StrCat("reconnecting: ", outage.message()));
  };
  RETURN_IF_ERROR(Watch(context.client, &v1::StatusService::Stub::WatchStatus,
                        v1::WatchStatusRequest(), hooks));
  progress.Clear();
  return PrintJobEnd(context, last);
}

absl::StatusOr<int> Update(Context& context, const Arguments& arguments, v1::BackfillHold hold,
                           const std::string& settings) {
  v1::UpdateBackfillRequest request;
  request.set_name(arguments.argument());
  request.set_hold(hold);
  request.set_settings(settings);
  request.set_actor(Actor());
  request.set_reason(arguments.Text("--reason"));
  ASSIGN_OR_RETURN(const v1::UpdateBackfillResponse response,
                   context.client.Call(&v1::ReleaseService::Stub::UpdateBackfill, request));
  return Print(
      context, response.backfill(),
      absl::StrCat("backfill ", response.backfill().name(), " is ", response.backfill().state()));
}

// All of them, or one; with --direct as the database itself tells.
absl::StatusOr<v1::ListBackfillsResponse> ListJobs(Context& context, const Arguments& arguments,
                                                   const std::string& name) {
  RETURN_IF_ERROR(CheckDirectFlags(arguments));
  if (arguments.Has("--direct")) {
    ASSIGN_OR_RETURN(const std::string database, RequireDatabase(arguments));
    return ListBackfillsOffline(database, name);
  }
  v1::ListBackfillsRequest request;
  request.set_name(name);
  return context.client.Call(&v1::ReleaseService::Stub::ListBackfills, request);
}

}  // namespace

absl::StatusOr<int> RunBackfillList(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::ListBackfillsResponse response, ListJobs(context, arguments, ""));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, response));
  } else if (response.backfills().empty()) {
    context.console.Say("no backfills");
  } else {
    context.console.Data(
        BackfillsTable(response, context.console.out_style(), context.console.options().out_width));
  }
  return kExitDone;
}

absl::StatusOr<int> RunBackfillGet(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::ListBackfillsResponse response,
                   ListJobs(context, arguments, arguments.argument()));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response.backfills(0)));
  } else {
    context.console.Data(BackfillText(response.backfills(0)));
  }
  return kExitDone;
}

absl::StatusOr<int> RunBackfillStart(Context& context, const Arguments& arguments) {
  RETURN_IF_ERROR(CheckDirectFlags(arguments));
  v1::StartBackfillRequest request;
  request.set_name(arguments.argument());
  request.set_again(arguments.Has("--again"));
  request.set_settings(SettingsOf(arguments));
  request.set_actor(Actor());
  request.set_reason(arguments.Text("--reason"));
  if (arguments.Has("--direct")) return RunDirectBackfill(context, arguments, request);
  ASSIGN_OR_RETURN(const v1::StartBackfillResponse response,
                   context.client.Call(&v1::ReleaseService::Stub::StartBackfill, request));
  const std::string& name = response.backfill().name();
  if (response.outcome() == "done") {
    context.console.Say("it is finished; `--again` walks all of it once more");
  }
  if (!arguments.Has("--wait") || response.outcome() == "done") {
    const bool ran = response.outcome() == "running" || response.outcome() == "done";
    return Print(context, response.backfill(),
                 absl::StrCat("backfill ", name, ran ? " is " : " has ", response.outcome()));
  }
  return FollowJob(context, name);
}

absl::StatusOr<int> RunBackfillPause(Context& context, const Arguments& arguments) {
  return Update(context, arguments, v1::BACKFILL_HOLD_PAUSE, "");
}

absl::StatusOr<int> RunBackfillResume(Context& context, const Arguments& arguments) {
  return Update(context, arguments, v1::BACKFILL_HOLD_RESUME, "");
}

absl::StatusOr<int> RunBackfillCancel(Context& context, const Arguments& arguments) {
  return Update(context, arguments, v1::BACKFILL_HOLD_CANCEL, "");
}

absl::StatusOr<int> RunBackfillRate(Context& context, const Arguments& arguments) {
  std::string settings = SettingsOf(arguments);
  if (arguments.Has("--reset")) {
    settings = R"({"rate": null, "batch": null, "window": null, "ignore": null, "max_lag_ms": null,
                   "max_active": null, "max_transaction_s": null})";
  }
  if (settings.empty()) {
    return UsageError("say what to change: --rate N, --batch N, --window HH:MM-HH:MM, ...",
                      "lockstep backfill rate NAME --rate 500");
  }
  return Update(context, arguments, v1::BACKFILL_HOLD_UNSPECIFIED, settings);
}

}  // namespace lockstep::ctl
