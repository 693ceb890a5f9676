// The chain that every cell of the matrix applies: 12 migrations, some of which must not run twice.
#ifndef LOCKSTEP_TESTS_FAILPOINTS_CHAIN_H_
#define LOCKSTEP_TESTS_FAILPOINTS_CHAIN_H_

#include <string>
#include <vector>

#include "tests/e2e/cluster.h"

namespace lockstep::testing {

inline constexpr int kChainLength = 12;

void WriteChain(Cluster& cluster);

// What is wrong with the database after the chain was applied once and whole; empty when nothing.
std::vector<std::string> CheckEffects(TestDatabase& db);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_FAILPOINTS_CHAIN_H_
