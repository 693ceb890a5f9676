// The verbs of backfills.
#include "coordinator/operation/operations.h"
#include "coordinator/store/backfill_store.h"
#include "engine/backfill/throttle.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

absl::StatusOr<std::vector<BackfillRow>> Operations::ListBackfills(const std::string& name) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  if (name.empty()) return ReadBackfills(*connection);
  ASSIGN_OR_RETURN(BackfillRow row, ReadBackfill(*connection, name));
  return std::vector<BackfillRow>{std::move(row)};
}

absl::StatusOr<BackfillRow> Operations::StartBackfill(const BackfillAsked& asked,
                                                      std::string* outcome) {
  RETURN_IF_ERROR(backfill::SettingsOf({}, asked.settings).status());
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(*outcome, coordinator::StartBackfill(*connection, leader, asked));
  base::LogInfo("backfill asked for",
                {{"backfill", asked.name}, {"outcome", *outcome}, {"actor", asked.actor}});
  options_.driver->Wake();
  return ReadBackfill(*connection, asked.name);
}

absl::StatusOr<BackfillRow> Operations::UpdateBackfill(const BackfillAsked& asked,
                                                       const std::string& state) {
  RETURN_IF_ERROR(backfill::SettingsOf({}, asked.settings).status());
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  if (!asked.settings.empty()) {
    RETURN_IF_ERROR(SetBackfill(*connection, leader, asked));
  }
  if (!state.empty()) RETURN_IF_ERROR(HoldBackfill(*connection, leader, asked, state));
  base::LogInfo("backfill changed",
                {{"backfill", asked.name}, {"state", state}, {"actor", asked.actor}});
  options_.driver->Wake();
  return ReadBackfill(*connection, asked.name);
}

}  // namespace lockstep::coordinator
