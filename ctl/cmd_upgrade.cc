#include <array>
#include <string>

#include "absl/strings/str_cat.h"

#include "ctl/commands.h"
#include "ctl/direct_upgrade.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/upgrade_flow.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

// What only an upgrade without a coordinator can make use of.
constexpr std::array kDirectFlags = {"--database",   "--database-file", "--migrate-database",
                                     "--migrations", "--owner-role",    "--search-path"};

absl::Status CheckFlags(const Arguments& arguments) {
  RETURN_IF_ERROR(LintModeOf(arguments).status());
  if (arguments.Has("--direct")) return absl::OkStatus();
  for (const char* const flag : kDirectFlags) {
    if (arguments.Has(flag)) {
      return UsageError(absl::StrCat(flag, " goes with --direct: a coordinator has its own"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RunUpgrade(Context& context, const Arguments& arguments) {
  RETURN_IF_ERROR(CheckFlags(arguments));
  if (arguments.Has("--direct")) return RunDirectUpgrade(context, arguments);
  v1::PlanUpgradeRequest request;
  request.set_target(arguments.Number("--to").value_or(0));
  request.set_contracts(arguments.Has("--contracts"));
  RemoteUpgrade target(context);
  if (arguments.Has("--sql")) {
    ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan, target.Plan(request));
    return PrintPlanSql(context, plan);
  }
  return RunUpgradeFlow(context, arguments, target, request,
                        [&](const v1::PlanUpgradeResponse& plan) {
                          return CheckFindings(plan, *LintModeOf(arguments));
                        });
}

}  // namespace lockstep::ctl
