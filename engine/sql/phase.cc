#include "engine/sql/phase.h"

#include <array>
#include <cstddef>

namespace lockstep::sql {
namespace {

constexpr std::array<absl::string_view, 4> kPhases = {"neutral", "expand", "data", "contract"};
constexpr std::array<absl::string_view, 6> kKinds = {"",        "remove", "reshape",
                                                     "tighten", "perf",   "opaque"};

}  // namespace

absl::string_view PhaseName(Phase phase) { return kPhases[static_cast<size_t>(phase)]; }

bool ParsePhase(absl::string_view name, Phase* phase) {
  for (size_t i = 0; i < kPhases.size(); ++i) {
    if (kPhases[i] == name) {
      *phase = static_cast<Phase>(i);
      return true;
    }
  }
  return false;
}

absl::string_view ContractKindName(ContractKind kind) { return kKinds[static_cast<size_t>(kind)]; }

}  // namespace lockstep::sql
