#include "coordinator/operation/losses.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::coordinator {
namespace {

// "shop@pod-1 3 times, shop@pod-2"
std::string NamesOf(const std::vector<std::string>& holders) {
  std::map<std::string, int> times;
  for (const std::string& holder : holders) ++times[holder];
  std::vector<std::string> names;
  for (const auto& [holder, count] : times) {
    names.push_back(count == 1 ? holder : absl::StrCat(holder, " ", count, " times"));
  }
  return absl::StrJoin(names, ", ");
}

// What the database keeps: a run is taken back only when nothing of it can commit any more.
std::string EffectOf(const HolderLosses& losses) {
  if (losses.transactional) return "nothing of it is applied";
  if (losses.steps_done == 0) return "it runs outside a transaction, and no step of it is done";
  return absl::StrCat(
      "it runs outside a transaction: ", losses.steps_done,
      losses.steps_done == 1 ? " step of it is done and stays" : " steps of it are done and stay");
}

}  // namespace

std::optional<RunError> GivenUp(const OperationRow& operation, Version next) {
  const HolderLosses& losses = operation.losses;
  const int count = static_cast<int>(losses.holders.size());
  if (count < kMaxHoldersLost || losses.version != next) return std::nullopt;
  return RunError{
      .version = next,
      .reason = kReasonHoldersLost,
      .message = absl::StrCat("version ", next, " was taken back ", count,
                              " times in a row because the agent that ran it died or went silent: ",
                              NamesOf(losses.holders), "; ", EffectOf(losses)),
      .hint = absl::StrCat("look at the logs of these agents and of PostgreSQL for what ended them "
                           "(killed, out of memory, a crash), remove the cause, then `lockstep "
                           "operations retry ",
                           operation.operation_id, "`")};
}

}  // namespace lockstep::coordinator
