#include "tests/chaos/faults/fault.h"

namespace lockstep::chaos {

const std::vector<Fault>& Faults() {
  static const auto* const faults = [] {
    auto* all = new std::vector<Fault>;
    for (const auto& some : {ProcessFaults(), ServerFaults(), NetworkFaults(), DatabaseFaults()}) {
      all->insert(all->end(), some.begin(), some.end());
    }
    return all;
  }();
  return *faults;
}

}  // namespace lockstep::chaos
