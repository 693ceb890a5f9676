#include "coordinator/status/instances.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/store/build_store.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

namespace {

// Nothing in it changes with time alone: watchers are told whenever it does.
std::string WhyCounts(const InstanceState& instance, const ExpiryView& expiry) {
  const SessionRow& row = instance.session;
  if (row.state != "suspect" || instance.connected) return "";
  const bool stops = row.declaration.stop_on_session_loss && row.via == "coordinator";
  std::string why = "no goodbye";
  if (row.attestation.has_value()) {
    why = absl::StrCat("attested gone by ", row.attestation->actor);
  } else if (!row.superseded_by.empty()) {
    why = "started again since";
  } else if (stops) {
    return expiry.frozen ? "expiry is frozen: too many fell silent at once"
                         : "a new leader gives it the time to come back";
  }
  if (!expiry.can_see_backends) {
    return absl::StrCat(why,
                        ", and the coordinator's role may not see who is connected "
                        "(pg_read_all_stats)");
  }
  if (instance.backends > 0) {
    return absl::StrCat(why, ", and ", instance.backends, " of its database connections ",
                        instance.backends == 1 ? "is" : "are", " still there");
  }
  if (row.attestation.has_value() || !row.superseded_by.empty()) {
    return absl::StrCat(why, "; it ends when no database connection of it was seen for a while");
  }
  return why;
}

}  // namespace

ExpiryView ExpiryOf(const Fleet& fleet) {
  return {.frozen = fleet.expiry_brake().has_value(), .can_see_backends = fleet.can_see_backends()};
}

InstanceState InstanceOf(SessionRow row, const std::optional<Member>& member, absl::Duration now,
                         const ExpiryView& expiry) {
  InstanceState instance{.session = std::move(row)};
  if (!member.has_value()) {
    instance.why_counts = WhyCounts(instance, expiry);
    return instance;
  }
  instance.backends = member->backends;
  instance.connected = member->connected;
  instance.serving = member->serving;
  instance.last_seen = now - member->last_seen;
  // Memory is newer than the row for those that wait.
  if (member->known) instance.session.verdict = member->verdict;
  instance.session.declaration.can_migrate = member->declaration.can_migrate;
  instance.session.declaration.migrate_error = member->declaration.migrate_error;
  if (member->draining && instance.session.state == "live") instance.session.state = "draining";
  instance.why_counts = WhyCounts(instance, expiry);
  return instance;
}

absl::StatusOr<std::vector<InstanceState>> ListInstances(Database& database, const Fleet& fleet,
                                                         const SessionQuery& query,
                                                         absl::Duration now) {
  std::vector<SessionRow> rows;
  std::optional<GateContract> contract;
  {
    ASSIGN_OR_RETURN(auto connection, database.Take());
    if (query.concerned_by != 0) {
      ASSIGN_OR_RETURN(contract, ReadContract(*connection, query.concerned_by));
    }
    ASSIGN_OR_RETURN(rows, ReadSessionPage(*connection, query));
  }
  std::vector<InstanceState> instances;
  const ExpiryView expiry = ExpiryOf(fleet);
  for (SessionRow& row : rows) {
    const std::optional<Member> member = fleet.Find(row.declaration.session_id);
    instances.push_back(InstanceOf(std::move(row), member, now, expiry));
    if (!contract.has_value()) continue;
    InstanceState& instance = instances.back();
    instance.concern =
        ConcernOf(contract->version, contract->touches, instance.session.declaration);
  }
  return instances;
}

}  // namespace lockstep::coordinator
