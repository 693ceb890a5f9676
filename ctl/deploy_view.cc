#include "ctl/deploy_view.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "ctl/build_flags.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

// Builds that a hint names.
constexpr int kMaxNamed = 3;

std::string NameOf(const v1::CanDeployResponse& response) {
  return BuildName(response.declaration().service(), response.declaration().build());
}

std::string ContractName(const v1::ShuttingOut& contract) {
  return absl::StrCat("contract ", contract.version(), " ", contract.title());
}

bool IsAhead(const v1::ShuttingOut& contract) {
  return contract.standing() != v1::CONTRACT_STANDING_DONE;
}

// "waits and would shut it out", "ran at 2026-11-22 12:26:17Z".
std::string Standing(const v1::ShuttingOut& contract) {
  switch (contract.standing()) {
    case v1::CONTRACT_STANDING_DONE:
      return contract.has_ran_at()
                 ? absl::StrCat("ran at ", TimeText(convert::FromProto(contract.ran_at())))
                 : "has run";
    case v1::CONTRACT_STANDING_IN_FLIGHT:
      return "is being applied";
    case v1::CONTRACT_STANDING_DRAINING:
      return "has the fleet drain for it";
    case v1::CONTRACT_STANDING_SCHEDULED:
      return "is about to run and will shut it out";
    default:
      return "waits and would shut it out";
  }
}

// "build 9c1e4aa (adapted to 13) would start; ".
std::string Instead(const v1::CanDeployResponse& response) {
  std::vector<std::string> builds;
  for (const v1::KnownBuild& build : response.would_start()) {
    if (static_cast<int>(builds.size()) == kMaxNamed) break;
    builds.push_back(absl::StrCat(build.build(), " (adapted to ", build.adapted_to(), ")"));
  }
  if (builds.empty()) return "";
  return absl::StrCat(builds.size() == 1 ? "build " : "builds ", absl::StrJoin(builds, ", "),
                      " would start; ");
}

std::string HintOf(const v1::CanDeployResponse& response) {
  int32_t adapted_to = 0;
  for (const v1::ShuttingOut& contract : response.shut_out_by()) {
    const bool shuts = !IsAhead(contract) || contract.standing() == v1::CONTRACT_STANDING_IN_FLIGHT;
    if (shuts) adapted_to = std::max(adapted_to, contract.version());
  }
  // The gate names the first contract; a build has to be adapted to the last of them.
  const std::string other =
      adapted_to == 0
          ? response.gate().hint()
          : absl::StrCat("deploy a build whose lockstep.yaml says adapted_to: ", adapted_to,
                         " or more");
  return absl::StrCat(Instead(response), other);
}

}  // namespace

std::string DeployText(const v1::CanDeployResponse& response, bool rollback) {
  const bool now = response.deployability() == v1::DEPLOYABILITY_NOW;
  const v1::BuildDeclaration& d = response.declaration();
  std::string text = absl::StrCat(Sanitize(NameOf(response)), " starts ",
                                  now ? "now" : "after the pending upgrade", "\n  ",
                                  Sanitize(response.gate().detail()), "; built for ", d.built_for(),
                                  ", adapted to ", d.adapted_to(), "\n");
  bool may_go = false;
  for (const v1::ShuttingOut& contract : response.shut_out_by()) {
    if (!IsAhead(contract)) continue;
    may_go = true;
    absl::StrAppend(&text, "  ",
                    Sanitize(absl::StrCat(ContractName(contract), " ", Standing(contract), ": ",
                                          contract.concern().why())),
                    "\n");
  }
  if (!now) absl::StrAppend(&text, "  hint: `lockstep upgrade`\n");
  if (rollback && response.pinned()) {
    absl::StrAppend(&text, "  it is pinned: those contracts wait until the pin has ended\n");
  } else if (rollback && may_go && !d.build().empty()) {
    absl::StrAppend(&text, "  hint: `lockstep pins add ", Sanitize(d.service()), " --build ",
                    Sanitize(d.build()), " --for 7d --reason TEXT` keeps the way back open\n");
  }
  return text;
}

absl::Status DeployOutcome(const v1::CanDeployResponse& response) {
  if (response.deployability() != v1::DEPLOYABILITY_NO) return absl::OkStatus();
  const std::string& detail = response.gate().detail();
  const std::string why =
      response.why_not().empty() ? detail : absl::StrCat(detail, "; ", response.why_not());
  base::ErrorInfo info{.reason = kReasonGateRefused,
                       .metadata = {{"service", response.declaration().service()},
                                    {"build", response.declaration().build()},
                                    {"gate", response.gate().reason()}},
                       .hint = HintOf(response)};
  for (const v1::ShuttingOut& contract : response.shut_out_by()) {
    info.blockers.push_back({"contract", ContractName(contract),
                             absl::StrCat(Standing(contract), ": ", contract.concern().why())});
  }
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat(NameOf(response), " would not start: ", why),
                         std::move(info));
}

}  // namespace lockstep::ctl
