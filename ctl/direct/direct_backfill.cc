// One backfill without a coordinator.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/backfills.h"
#include "coordinator/store/backfill_store.h"
#include "coordinator/wire/to_proto.h"
#include "ctl/direct/direct.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

using coordinator::BackfillRow;

bool HasEnded(const v1::Backfill& backfill) {
  return backfill.state() != "running" && backfill.state() != "paused";
}

// What `why` says, with how far the job is and how it goes on.
absl::Status Stopped(const absl::Status& why, const v1::Backfill& backfill, bool paused) {
  base::ErrorInfo info = base::GetErrorInfo(why).value_or(base::ErrorInfo{});
  info.metadata["name"] = backfill.name();
  info.metadata["effect"] =
      absl::StrCat("what is done stays: ", backfill.rows_done(), " of ", backfill.rows_total(),
                   " rows; ", paused ? "it is paused" : "whoever leads next goes on with it");
  info.hint = "run the same command again: it goes on from there";
  return base::MakeError(why.code(), why.message(), std::move(info));
}

}  // namespace

absl::StatusOr<v1::Backfill> Direct::GetBackfill(const std::string& name) {
  ASSIGN_OR_RETURN(auto connection, database_.Take());
  ASSIGN_OR_RETURN(BackfillRow row, coordinator::ReadBackfill(*connection, name));
  // Between two parts that is so for a moment, and there is no other agent to wait for.
  if (row.stands == coordinator::kNobodyWorksOnIt) row.stands.clear();
  return coordinator::ToProto(row);
}

absl::StatusOr<v1::StartBackfillResponse> Direct::StartBackfill(
    const v1::StartBackfillRequest& request) {
  const coordinator::BackfillAsked asked{.name = request.name(),
                                         .again = request.again(),
                                         .settings = request.settings(),
                                         .actor = request.actor(),
                                         .reason = request.reason()};
  v1::StartBackfillResponse response;
  std::string outcome;
  ASSIGN_OR_RETURN(const BackfillRow row, operations_.StartBackfill(asked, &outcome));
  *response.mutable_backfill() = coordinator::ToProto(row);
  response.set_outcome(outcome);
  return response;
}

absl::StatusOr<v1::Backfill> Direct::FollowBackfill(const std::string& name,
                                                    const std::string& actor,
                                                    const BackfillPulse& pulse) {
  coordinator::BackfillKeeper keeper(
      {.database = &database_, .fleet = &fleet_, .durations = options_.durations, .only = name});
  v1::Backfill backfill;
  backfill.set_name(name);
  absl::Status stop;
  absl::Duration heard = base::SystemClock()->SinceBoot();
  const auto look = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(backfill, GetBackfill(name));
    heard = base::SystemClock()->SinceBoot();
    return absl::OkStatus();
  };
  const auto beat = [&](absl::Duration pause) {
    if (stop.ok()) stop = pulse(backfill, pause);
    return stop;
  };
  for (;;) {
    const absl::Status looked = look();
    if (looked.ok() && HasEnded(backfill)) return backfill;
    const bool away = absl::IsUnavailable(looked) || absl::IsDeadlineExceeded(looked);
    if (!looked.ok() && (!away || base::SystemClock()->SinceBoot() - heard > kMaxOutage)) {
      return looked;
    }
    if (!stop.ok()) {
      const auto held = operations_.UpdateBackfill(
          {.name = name, .actor = actor, .reason = std::string(stop.message())}, "paused");
      return Stopped(stop, backfill, held.ok());
    }
    RETURN_IF_ERROR(CheckLeading());
    const auto leader = elector_.leadership();
    if (looked.ok() && leader.has_value()) {
      BackfillRow row{.name = name, .state = backfill.state()};
      row.holders.assign(backfill.holders().begin(), backfill.holders().end());
      const std::vector<BackfillRow> rows = {std::move(row)};
      // What fails here is tried again with the next look.
      (void)keeper.Step(*leader, {.backfills = &rows});
    }
    if (const auto part = link_->TakeBackfill(); part.has_value()) {
      agent_.RunBackfill(*part, [&] {
        (void)look();
        return beat(absl::ZeroDuration());
      });
      continue;
    }
    (void)beat(LocalAgent::kPulse);
  }
}

}  // namespace lockstep::ctl
