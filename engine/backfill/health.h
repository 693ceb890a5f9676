// Reads what throttles are judged by, on a connection of its own beside the job's.
//
//   HealthReader reader(options);          // connects when first asked, and again when lost
//   auto standing = reader.Look(settings); // blocks on one short query, or two
#ifndef LOCKSTEP_ENGINE_BACKFILL_HEALTH_H_
#define LOCKSTEP_ENGINE_BACKFILL_HEALTH_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backfill/throttle.h"
#include "engine/postgres/script_session.h"

namespace lockstep::backfill {

struct HealthOptions {
  postgres::ScriptSessionOptions connection;
  std::string owner_role;  // A user's query runs as it.
  std::string search_path;
  std::string relation;   // Oid of the table that is walked; "" for none.
  std::vector<int> pids;  // The job's other backends: they do not count.
};

class HealthReader {
 public:
  explicit HealthReader(HealthOptions options) : options_(std::move(options)) {}

  // Why the job has to stand still, by everything that can be read; absent when it may go on. What
  // cannot be read is a reason.
  std::optional<Standing> Look(const Settings& settings);
  absl::Duration lag() const { return lag_.lag(); }
  // A backend of the job's that was not there at the begin.
  void AddPid(int pid) { options_.pids.push_back(pid); }

 private:
  absl::Status Connect();
  absl::StatusOr<Health> Read();
  std::optional<Standing> AskUser(const Settings& settings);

  HealthOptions options_;
  std::unique_ptr<postgres::ScriptSession> session_;
  LagTracker lag_;
  int cores_ = 0;
};

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_HEALTH_H_
