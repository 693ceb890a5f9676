#include "coordinator/status/builds.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

#include "coordinator/fleet/gate_rule.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/operation_store.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// Instances or pins that are read of one service, or of one contract, at most.
constexpr int kMaxRows = 20'000;

absl::Status BuildNotFound(const DeployQuestion& question) {
  return base::MakeError(
      absl::StatusCode::kNotFound, "BUILD_NOT_FOUND",
      absl::StrCat("no instance of build ", question.build, " of ", question.service, " is known"),
      {{"service", question.service}, {"build", question.build}},
      "give what the build declares: its service file and its chain.sum");
}

absl::Status ReadDeployFacts(postgres::Connection& connection, DeployFacts& facts) {
  RETURN_IF_ERROR(ReadGateFacts(connection, facts.gate));
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(connection));
  facts.inflight = chain.inflight;
  ASSIGN_OR_RETURN(facts.waiting, ReadWaitingContracts(connection));
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  for (const PendingMigration& m : pending) {
    if (!m.operation.empty()) facts.cared_for.insert(m.version);
  }
  facts.upgrade = MakePlan({chain, std::move(pending)}, 0, false);
  ASSIGN_OR_RETURN(facts.operation, ReadActiveOperation(connection));
  return absl::OkStatus();
}

bool Counts(const InstanceState& instance) {
  static constexpr absl::string_view kCounting[] = {"starting", "live", "draining", "suspect"};
  return std::count(std::begin(kCounting), std::end(kCounting), instance.session.state) > 0;
}

}  // namespace

absl::StatusOr<DeployAnswer> Builds::CanDeploy(const DeployQuestion& question) {
  DeployFacts facts;
  std::vector<BuildRow> builds;
  {
    ASSIGN_OR_RETURN(auto connection, options_.database->Take());
    RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
      RETURN_IF_ERROR(ReadDeployFacts(*connection, facts));
      ASSIGN_OR_RETURN(builds, ReadBuilds(*connection, question.service, ""));
      return absl::OkStatus();
    }));
  }
  DeployAnswer answer;
  const auto known = std::find_if(builds.begin(), builds.end(), [&](const BuildRow& build) {
    return !question.build.empty() && build.declaration.build == question.build;
  });
  if (question.declared.has_value()) {
    answer.declaration = *question.declared;
  } else if (known != builds.end()) {
    answer.declaration = known->declaration;
  } else {
    return BuildNotFound(question);
  }
  answer.verdict = JudgeDeploy(facts, answer.declaration);
  for (const BuildRow& build : builds) {
    if (build.declaration.build == question.build) {
      answer.pinned = answer.pinned || build.pinned;
    } else if (answer.would_start.size() < kMaxWouldStart &&
               JudgeGate(facts.gate, build.declaration).state == GateState::kOpen) {
      answer.would_start.push_back(build);
    }
  }
  return answer;
}

absl::StatusOr<PinRow> Builds::Pin(const PinRequest& request) {
  ASSIGN_OR_RETURN(const LeaderToken leader, options_.accepting());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const std::string id, PinBuild(*connection, leader, request));
  base::LogInfo("build pinned", {{"service", request.service},
                                 {"build", request.build},
                                 {"pin", id},
                                 {"actor", request.by.actor}});
  options_.wake_driver();
  ASSIGN_OR_RETURN(const auto pins,
                   ReadPins(*connection, {.service = request.service, .limit = kMaxRows}));
  for (const PinRow& pin : pins) {
    if (pin.pin_id == id) return pin;
  }
  return base::MakeError(absl::StatusCode::kAborted, "BUSY",
                         "the pin was ended again at once, by somebody else", {{"pin", id}},
                         "`lockstep pins`");
}

absl::StatusOr<Retired> Builds::Retire(const std::string& service, const std::string& build,
                                       const Decider& by) {
  ASSIGN_OR_RETURN(const LeaderToken leader, options_.accepting());
  Retired retired;
  {
    ASSIGN_OR_RETURN(auto connection, options_.database->Take());
    ASSIGN_OR_RETURN(retired.pins_ended, RetireBuild(*connection, leader, service, build, by));
  }
  base::LogInfo("build retired", {{"service", service}, {"build", build}, {"actor", by.actor}});
  options_.wake_driver();
  ASSIGN_OR_RETURN(auto instances, ListInstances(*options_.database, *options_.fleet,
                                                 {.service = service, .limit = kMaxRows},
                                                 options_.clock->SinceBoot()));
  for (InstanceState& instance : instances) {
    if (instance.session.declaration.build == build && Counts(instance)) {
      retired.still_counting.push_back(std::move(instance));
    }
  }
  return retired;
}

absl::StatusOr<OverridePreview> Builds::LookAtOverride(Version contract, absl::Duration lasting) {
  RETURN_IF_ERROR(options_.accepting().status());
  OverrideLook look;
  std::vector<PinRow> pins;
  {
    ASSIGN_OR_RETURN(auto connection, options_.database->Take());
    ASSIGN_OR_RETURN(look, coordinator::LookAtOverride(*connection, contract, lasting));
    ASSIGN_OR_RETURN(pins, ReadPins(*connection, {.limit = kMaxRows}));
  }
  if (look.targets.empty()) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_OVERRIDE",
                           absl::StrCat("contract ", contract, " concerns nobody"),
                           {{"version", absl::StrCat(contract)}},
                           absl::StrCat("`lockstep contract ", contract, "`"));
  }
  ASSIGN_OR_RETURN(auto instances, ListInstances(*options_.database, *options_.fleet,
                                                 {.limit = kMaxRows, .concerned_by = contract},
                                                 options_.clock->SinceBoot()));
  std::set<std::string> ids;
  for (const OverrideTarget& target : look.targets) ids.insert(target.id);
  OverridePreview preview{.token = look.token};
  for (InstanceState& instance : instances) {
    if (ids.contains(instance.session.declaration.session_id)) {
      preview.sessions.push_back(std::move(instance));
    }
  }
  for (PinRow& pin : pins) {
    if (ids.contains(pin.pin_id)) preview.pins.push_back(std::move(pin));
  }
  // What is shown and what the token is of are two reads: they must be the same.
  if (preview.sessions.size() + preview.pins.size() == look.targets.size()) return preview;
  return base::MakeError(absl::StatusCode::kAborted, "BUSY",
                         "instances came or went during the look", {}, "look again");
}

absl::StatusOr<std::string> Builds::Override(const OverrideRequest& request) {
  ASSIGN_OR_RETURN(const LeaderToken leader, options_.accepting());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const std::string id, MakeOverride(*connection, leader, request));
  base::LogWarning("contract overridden", {{"contract", absl::StrCat(request.contract)},
                                           {"override", id},
                                           {"actor", request.by.actor},
                                           {"reason", request.by.reason}});
  options_.wake_driver();
  return id;
}

}  // namespace lockstep::coordinator
