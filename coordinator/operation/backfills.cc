#include "coordinator/operation/backfills.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/losses.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// How long a part is a holder's without a word of it; its batches and beats extend it.
constexpr absl::Duration kPartTtl = absl::Seconds(30);
// Of a holder without a stream: how long its range may stand without a batch or a beat.
constexpr absl::Duration kSilence = absl::Seconds(10);
constexpr absl::Duration kRevokeWait = absl::Seconds(1);
constexpr absl::Duration kRound = absl::Seconds(1);

std::string NameOf(const Member& member) {
  return absl::StrCat(member.declaration.service, "@", member.declaration.instance);
}

}  // namespace

bool IsDue(const BackfillRow& row, const BackfillView& view, bool only_needed) {
  if (row.state != "not run" || row.after > view.applied || !view.operation.has_value()) {
    return false;
  }
  if (view.operation->state != OperationState::kRunning || row.after > view.operation->target) {
    return false;
  }
  if (!only_needed) return true;
  return std::any_of(view.pending->begin(), view.pending->end(), [&](const PendingMigration& m) {
    return m.version <= view.operation->target &&
           std::find(m.needs_backfill.begin(), m.needs_backfill.end(), row.name) !=
               m.needs_backfill.end();
  });
}

absl::StatusOr<bool> BackfillKeeper::StartDue(postgres::Connection& connection,
                                              const LeaderToken& leader, const BackfillView& view) {
  bool any = false;
  for (const BackfillRow& row : *view.backfills) {
    if (!IsDue(row, view, options_.only_needed)) continue;
    RETURN_IF_ERROR(
        StartBackfill(connection, leader,
                      {.name = row.name,
                       .actor = view.operation->actor,
                       .reason = absl::StrCat("upgrade ", view.operation->operation_id)})
            .status());
    base::LogInfo("backfill started",
                  {{"backfill", row.name}, {"operation", view.operation->operation_id}});
    any = true;
  }
  return any;
}

std::string BackfillKeeper::WhyGone(const HeldPart& part) const {
  if (part.left <= absl::ZeroDuration()) return "its holder went silent";
  const auto member = options_.fleet->Find(part.session);
  const absl::Duration reconnect = options_.durations.lease_reconnect;
  const bool gone =
      !member.has_value() ||
      (!member->connected && options_.clock->SinceBoot() - member->last_seen > 2 * reconnect);
  if (!gone) return "";
  // A holder that only lost the coordinator goes on, and its batches show it.
  if (part.kind == "range" && part.left > kPartTtl - kSilence) return "";
  return "its holder is gone";
}

absl::Status BackfillKeeper::TakeBack(postgres::Connection& connection, const LeaderToken& leader,
                                      const std::vector<HeldPart>& held) {
  for (const HeldPart& part : held) {
    if (!options_.only.empty() && part.name != options_.only) continue;
    const std::string why = WhyGone(part);
    if (why.empty()) continue;
    const auto revoked =
        RevokeBackfillPart(connection, leader, part.epoch, why, kMaxHoldersLost, kRevokeWait);
    if (absl::IsDeadlineExceeded(revoked.status())) {
      // A process that was stopped in the middle of a batch keeps its rows from everybody.
      RETURN_IF_ERROR(TerminateHolderOfPart(connection, part.epoch).status());
      continue;
    }
    RETURN_IF_ERROR(revoked.status());
    base::LogInfo("part of a backfill taken back",
                  {{"backfill", part.name}, {"holder", part.holder}, {"why", why}});
  }
  return absl::OkStatus();
}

absl::Status BackfillKeeper::Grant(postgres::Connection& connection, const LeaderToken& leader,
                                   const std::vector<HeldPart>& held) {
  std::set<std::string> busy;
  for (const HeldPart& part : held) busy.insert(part.session);
  for (const Member& member : options_.fleet->Members()) {
    const std::string& session = member.declaration.session_id;
    if (!member.connected || member.draining || !member.declaration.can_migrate ||
        busy.contains(session)) {
      continue;
    }
    ASSIGN_OR_RETURN(const auto part, GrantBackfillPart(connection, leader, session, NameOf(member),
                                                        kPartTtl, options_.only));
    if (!part.has_value()) return absl::OkStatus();
    base::LogInfo("part of a backfill given", {{"backfill", part->name},
                                               {"to", NameOf(member)},
                                               {"epoch", absl::StrCat(part->token.epoch)}});
    // An offer that is lost is a part whose holder is silent.
    (void)options_.fleet->OfferBackfill(session, {.token = part->token, .name = part->name});
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> BackfillKeeper::Step(const LeaderToken& leader,
                                                    const BackfillView& view) {
  const bool running = std::any_of(view.backfills->begin(), view.backfills->end(),
                                   [](const BackfillRow& row) { return row.state == "running"; });
  const bool due =
      std::any_of(view.backfills->begin(), view.backfills->end(),
                  [&](const BackfillRow& row) { return IsDue(row, view, options_.only_needed); });
  const bool held = std::any_of(view.backfills->begin(), view.backfills->end(),
                                [](const BackfillRow& row) { return !row.holders.empty(); });
  if (!running && !due && !held) return absl::InfiniteDuration();
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  if (due) {
    ASSIGN_OR_RETURN(const bool started, StartDue(*connection, leader, view));
    if (started) return absl::ZeroDuration();
  }
  ASSIGN_OR_RETURN(std::vector<HeldPart> parts, ReadHeldParts(*connection));
  RETURN_IF_ERROR(TakeBack(*connection, leader, parts));
  if (running) RETURN_IF_ERROR(Grant(*connection, leader, parts));
  return kRound;
}

}  // namespace lockstep::coordinator
