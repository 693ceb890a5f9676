#include "coordinator/status/instances.h"

#include <utility>

#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

InstanceState InstanceOf(SessionRow row, const std::optional<Member>& member, absl::Duration now) {
  InstanceState instance{.session = std::move(row)};
  if (!member.has_value()) return instance;
  instance.connected = member->connected;
  instance.serving = member->serving;
  instance.last_seen = now - member->last_seen;
  // Memory is newer than the row for those that wait.
  if (member->known) instance.session.verdict = member->verdict;
  instance.session.declaration.can_migrate = member->declaration.can_migrate;
  instance.session.declaration.migrate_error = member->declaration.migrate_error;
  if (member->draining && instance.session.state == "live") instance.session.state = "draining";
  return instance;
}

absl::StatusOr<std::vector<InstanceState>> ListInstances(Database& database, const Fleet& fleet,
                                                         const SessionQuery& query,
                                                         absl::Duration now) {
  std::vector<SessionRow> rows;
  {
    ASSIGN_OR_RETURN(auto connection, database.Take());
    ASSIGN_OR_RETURN(rows, ReadSessionPage(*connection, query));
  }
  std::vector<InstanceState> instances;
  for (SessionRow& row : rows) {
    const std::optional<Member> member = fleet.Find(row.declaration.session_id);
    instances.push_back(InstanceOf(std::move(row), member, now));
  }
  return instances;
}

}  // namespace lockstep::coordinator
