// Real Alembic as a reference: the same SQL, one revision a file, one transaction a revision.
#ifndef LOCKSTEP_TESTS_BENCH_ALEMBIC_H_
#define LOCKSTEP_TESTS_BENCH_ALEMBIC_H_

#include <string>

#include "engine/chain/chain.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_database.h"

namespace lockstep::bench {

// "alembic 1.8.1" with its driver; empty when it is not installed.
std::string AlembicVersion();

// Writes a project whose revisions run the files of the chain.
void WriteAlembicProject(const std::string& directory, const chain::Chain& chain);

// The command `alembic upgrade head` on a database.
testing::SubprocessOptions AlembicUpgrade(const std::string& directory,
                                          const testing::TestDatabase& db);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_ALEMBIC_H_
