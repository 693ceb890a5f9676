#include "ctl/fleet_lint.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/fleet_listing.h"
#include "engine/base/status_macros.h"
#include "engine/sql/rules/rule.h"

namespace lockstep::ctl {
namespace {

using Touches = std::optional<std::vector<std::string>>;

// The instances of one build that a contract concerns.
struct Concerned {
  int instances = 0;
  int32_t adapted_to = 0;
  std::set<std::string> uses;  // What of it they use; empty when they do not say.
};

bool IsPartOf(absl::string_view inner, absl::string_view outer) {
  return inner.size() > outer.size() && inner[outer.size()] == '.' &&
         absl::StartsWith(inner, outer);
}

// Whether what is used and what is touched overlap; with what of it is used.
bool Overlaps(const v1::InstanceStatus& instance, const Touches& touches,
              std::set<std::string>* uses) {
  if (!instance.uses_declared() || !touches.has_value()) return true;
  bool any = false;
  for (const std::string& used : instance.uses()) {
    for (const std::string& touched : *touches) {
      if (used != touched && !IsPartOf(used, touched) && !IsPartOf(touched, used)) continue;
      uses->insert(used);
      any = true;
    }
  }
  return any;
}

bool Counts(const v1::InstanceStatus& instance) {
  return instance.state() == "starting" || instance.state() == "live" ||
         instance.state() == "draining" || instance.state() == "suspect";
}

LintFinding FindingOf(const LintedFile& file, const std::string& build, const Concerned& who) {
  const sql::RuleInfo& rule = sql::InfoOf(sql::Rule::kConcernsLiveBuild);
  return {
      .rule = std::string(rule.id),
      .severity = rule.severity,
      .file = file.file,
      .message = absl::StrCat(
          "contract ", file.version, " concerns ", build, ", of which ", who.instances,
          who.instances == 1 ? " instance runs" : " instances run", ": adapted to ", who.adapted_to,
          who.uses.empty() ? "" : absl::StrCat(", uses ", absl::StrJoin(who.uses, ", "))),
      .hint = absl::StrCat("it waits until these are gone: deploy a build that is adapted to ",
                           file.version),
      .object = build,
      .gate = true};
}

}  // namespace

absl::StatusOr<chain::Version> AppliedThere(Client& client) {
  ASSIGN_OR_RETURN(const v1::GetStatusResponse response,
                   client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
  return response.status().chain().applied();
}

void AddConcerned(const v1::ListInstancesResponse& fleet, LintReport* report) {
  for (const LintedFile& file : report->files) {
    if (file.analysis.phase != sql::Phase::kContract || file.version == 0) continue;
    const Touches touches = sql::TouchedNames(file.analysis);
    std::map<std::string, Concerned> builds;
    for (const v1::InstanceStatus& instance : fleet.instances()) {
      if (!Counts(instance) || instance.adapted_to() >= file.version) continue;
      std::set<std::string> uses;
      if (!Overlaps(instance, touches, &uses)) continue;
      Concerned& who = builds[absl::StrCat(instance.service(), "@", instance.build())];
      ++who.instances;
      who.adapted_to = instance.adapted_to();
      who.uses.merge(uses);
    }
    for (const auto& [build, who] : builds) {
      report->findings.push_back(FindingOf(file, build, who));
    }
  }
}

absl::Status LintFleet(Client& client, LintReport* report) {
  ASSIGN_OR_RETURN(const v1::ListInstancesResponse fleet,
                   ListAllInstances(client, v1::ListInstancesRequest()));
  AddConcerned(fleet, report);
  return absl::OkStatus();
}

}  // namespace lockstep::ctl
