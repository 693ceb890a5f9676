#include "ctl/doctor_coordinator.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/errors.h"
#include "engine/base/error_info.h"
#include "engine/catalog/bootstrap.h"

namespace lockstep::ctl {
namespace {

std::string WithTried(const absl::Status& status) {
  const base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
  std::vector<std::string> tried;
  for (const base::Blocker& blocker : info.blockers) {
    tried.push_back(absl::StrCat(blocker.subject, ": ", blocker.description));
  }
  return absl::StrCat(std::string(status.message()), tried.empty() ? "" : ": ",
                      absl::StrJoin(tried, "; "));
}

void CheckLeader(const v1::Leader& leader, Diagnosis* diagnosis) {
  if (leader.epoch() == 0 || leader.address().empty()) {
    diagnosis->Warn("leader", "nobody leads", "an election takes seconds; look again");
    return;
  }
  diagnosis->Ok("leader", absl::StrCat(leader.self() ? "this one, " : "", leader.address(),
                                       " (epoch ", leader.epoch(), ")"));
}

void CheckVersion(const v1::ClusterStatus& status, Diagnosis* diagnosis) {
  const std::vector<std::string> parts = absl::StrSplit(status.server_version(), '.');
  int major = 0;
  const std::string detail =
      absl::StrCat("database ", status.database(), ", PostgreSQL ", status.server_version());
  if (absl::SimpleAtoi(parts.front(), &major) && major < catalog::kMinServerVersion / 10000) {
    diagnosis->Problem("its database", detail, "lockstep needs PostgreSQL 13 or newer");
  } else {
    diagnosis->Ok("its database", detail);
  }
}

void CheckMigrators(const v1::ClusterStatus& status, Diagnosis* diagnosis) {
  int able = 0;
  std::string error;
  for (const v1::ServiceStatus& service : status.services()) {
    for (const v1::InstanceStatus& instance : service.instances()) {
      if (instance.connected() && instance.can_migrate()) ++able;
      if (instance.migrate_error().empty()) continue;
      error = absl::StrCat(service.service(), "@", instance.instance(),
                           " cannot: ", instance.migrate_error());
    }
  }
  if (!error.empty()) {
    diagnosis->Warn("migrators", error, "`lockstep status SERVICE` tells about each instance");
  } else if (able == 0) {
    diagnosis->Warn("migrators", "no connected agent can apply migrations",
                    "give an agent --migrate-database, or use `lockstep upgrade --direct`");
  } else {
    diagnosis->Ok("migrators", absl::StrCat(able, " connected"));
  }
}

}  // namespace

void CheckCoordinator(Client& client, bool required, Diagnosis* diagnosis) {
  // The clock is compared around the answer alone, not around the way there.
  const auto connected = client.Connect();
  const absl::Time before = absl::Now();
  const auto answer = connected.ok()
                          ? client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest())
                          : absl::StatusOr<v1::GetStatusResponse>(connected.status());
  if (!answer.ok()) {
    if (required) {
      diagnosis->Problem("coordinator", WithTried(answer.status()), HintOf(answer.status()));
    } else {
      diagnosis->Warn("coordinator", WithTried(answer.status()), HintOf(answer.status()));
    }
    return;
  }
  const absl::Time after = absl::Now();
  const v1::ClusterStatus& status = answer->status();
  diagnosis->Ok("coordinator",
                absl::StrCat(client.peer().address, " answers (", client.peer().origin, ")"));
  CheckLeader(status.leader(), diagnosis);
  CheckVersion(status, diagnosis);
  CheckMigrators(status, diagnosis);
  if (!status.has_read_at()) return;
  CheckClock("its clock",
             absl::FromUnixSeconds(status.read_at().seconds()) +
                 absl::Nanoseconds(status.read_at().nanos()),
             before, after, diagnosis);
}

}  // namespace lockstep::ctl
